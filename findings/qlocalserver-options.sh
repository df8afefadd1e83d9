#!/bin/sh
# Qt 6.8.2's QLocalServer (PyPI's PyQt6), listen: where a live server has the path, it fails with
# AddressInUseError. A good guess: that stays so with setSocketOptions, which only says who may
# connect. Seen: with an option the second server binds elsewhere and renames its file over the
# first one's. Both say that they listen; the first is never reached again. When the first closes,
# it removes the second one's file.
. "$(dirname "$0")/common.sh"
python_packages PyQt6==6.8.1 PyQt6-Qt6==6.8.2
cat >servers.py <<'END'
import os

from PyQt6.QtCore import QCoreApplication
from PyQt6.QtNetwork import QLocalServer

application = QCoreApplication([])
for options in None, QLocalServer.SocketOption.UserAccessOption:
    path = os.path.abspath("plain" if options is None else "options")
    first, second = QLocalServer(), QLocalServer()
    if options is not None:
        first.setSocketOptions(options)
        second.setSocketOptions(options)
    assert first.listen(path)
    inode = os.stat(path).st_ino
    print("options:", options and options.name)
    print("  the second listens:", second.listen(path), second.serverError().name)
    print("  the first listens:", first.isListening())
    print("  the file is the first one's:", os.stat(path).st_ino == inode)
    first.close()
    print("  after the first has closed there is a file:", os.path.exists(path))
END
verdict "$("$python" servers.py)" "options: None
  the second listens: False AddressInUseError
  the first listens: True
  the file is the first one's: True
  after the first has closed there is a file: False
options: UserAccessOption
  the second listens: True UnknownSocketError
  the first listens: True
  the file is the first one's: False
  after the first has closed there is a file: False"
