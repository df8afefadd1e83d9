"""Rows for what belongs to a desktop or to a login."""

from program import AT_NAME, Program, command, of_debian

PROGRAMS = [
    Program("PipeWire", of_debian("pipewire-bin"), command("pipewire"), file="pipewire-0",
            environment={"PIPEWIRE_RUNTIME_DIR": "{}"}),
    Program("gpg-agent", of_debian("gpg-agent"),
            command("gpg-agent", "--daemon", "--no-detach", "--homedir", "{}", "sleep", "60"),
            file="S.gpg-agent"),
    Program("ssh-agent", of_debian("openssh-client"), command("ssh-agent", "-D", "-a", "{}"),
            names=[AT_NAME]),
    Program("tmux -S", of_debian("tmux"), command("tmux", "-D", "-S", "{}", "-f", "/dev/null"),
            names=[AT_NAME]),
    Program("dbus-daemon", of_debian("dbus"),
            command("dbus-daemon", "--session", "--nofork", "--address={}"), path="unix:path={}",
            names=[("`unix:abstract=NAME`", "unix:abstract={}")]),
]
