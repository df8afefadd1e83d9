#!/bin/sh
# .NET 3.1.23 (PyPI's dotnetcore2), Socket.ReceiveFrom(buffer, ref endPoint) of a datagram socket, which
# wants an end point of the right kind to begin with and puts the sender's in its place. A good guess:
# what is passed in matters to nothing, as an IPEndPoint of any port does. Seen: the sender's name is
# cut to the room that this one takes (a byte more than its length), and nothing tells; an answer goes
# to another name or nowhere. Of a sender without a name the end point that was passed in is told.
. "$(dirname "$0")/common.sh"
need mcs
python_packages dotnetcore2==3.1.23
cat >receive.cs <<'END'
using System;
using System.Net;
using System.Net.Sockets;

class Receive
{
    static Socket New(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        if (path != null) socket.Bind(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    static void Main()
    {
        var receiver = New("receiver");
        foreach (var name in new[] { "sender", null })
        {
            foreach (var passed in new[] { "x", "abc", "a-long-one" })
            {
                var sender = New(name);
                sender.SendTo(new byte[] { 1 }, new UnixDomainSocketEndPoint("receiver"));
                EndPoint from = new UnixDomainSocketEndPoint(passed);
                receiver.ReceiveFrom(new byte[10], ref from);
                Console.WriteLine($"{name ?? "nobody"}, {passed}: {from}");
                sender.Close();
                System.IO.File.Delete("sender");
            }
        }
    }
}
END
dotnet=$(echo venv/lib/python3*/site-packages/dotnetcore2/bin)
framework=$dotnet/shared/Microsoft.NETCore.App/3.1.23
mcs -nostdlib -noconfig -nowarn:1702 -out:receive.dll receive.cs -r:"$framework/System.Private.CoreLib.dll" \
    -r:"$framework/System.Runtime.dll" -r:"$framework/System.Console.dll" \
    -r:"$framework/System.IO.FileSystem.dll" -r:"$framework/System.Net.Sockets.dll" \
    -r:"$framework/System.Net.Primitives.dll"
cat >receive.runtimeconfig.json <<'END'
{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
 "configProperties": {"System.Globalization.Invariant": true}}}
END
verdict "$("$dotnet/dotnet" receive.dll)" "sender, x: se
sender, abc: send
sender, a-long-one: sender
nobody, x: x
nobody, abc: abc
nobody, a-long-one: a-long-one"
