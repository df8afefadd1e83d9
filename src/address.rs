//! Addresses: the text that people write, and the names that the kernel knows.
//!
//! An address is a path, `@name` for an abstract name, or `@` for a name that the kernel picks.
//! Behind a leading `@` the escapes `\0`, `\\` and `\xNN` stand for any byte, and `\z` at the end
//! stands for NULs up to the end of sun_path, which some programs bind. A received path that begins
//! with `@` is written `./@...`, so that every text reads back as the name that it came from.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};

use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::sys::{self, FileStatus, Shared, SocketName};
use crate::text::c_string;

/// Paths have at most PATH_MAX bytes, their NUL among them.
const PATH_MAX: usize = libc::PATH_MAX as usize;

/// An address as a program writes it.
pub(crate) enum Address<'a> {
    Path(&'a CStr),
    Abstract(SocketName),
    /// Whatever the kernel picks.
    Any,
}

impl<'a> Address<'a> {
    pub(crate) fn parse(text: &'a CStr) -> Result<Self, Failure> {
        match text.to_bytes() {
            [] => Err(Failure::Invalid("the address is empty")),
            b"@" => Ok(Self::Any),
            [b'@', name @ ..] => unescape(name).map(Self::Abstract),
            path if path.len() >= PATH_MAX => {
                Err(Failure::TooLong { what: "path", length: path.len(), most: PATH_MAX - 1 })
            }
            _ => Ok(Self::Path(text)),
        }
    }

    /// The name to connect or send to. A path that sun_path can't hold is reached
    /// through a descriptor of the socket file itself.
    pub(crate) fn destination(&self) -> Result<Destination, Failure> {
        match self {
            Self::Any => Err(Failure::Invalid(
                "@ alone asks the kernel for a name; to reach a socket give its whole name",
            )),
            Self::Abstract(name) => Ok(Destination { name: *name, file: None }),
            Self::Path(path) => match SocketName::new(path.to_bytes()) {
                Some(name) => Ok(Destination { name, file: None }),
                None => {
                    let descriptor = sys::open_path(path, 0)?;
                    if !sys::has_descriptor_paths() {
                        return Err(NO_PROC);
                    }
                    let short = sys::descriptor_path(descriptor.as_fd());
                    let name = SocketName::new(short.to_bytes()).ok_or(Error::ENAMETOOLONG)?;
                    let status = sys::status_at(descriptor.as_fd(), c"")?;
                    let file = Shared::new(Pinned { status, _descriptor: descriptor })?;
                    Ok(Destination { name, file: Some(file) })
                }
            },
        }
    }
}

/// Which programs can connect to an address, or serve at it, as far as that depends on its length.
/// (docs/atlas.md lists the programs.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    All,
    /// Not those that append something to a path, or keep bytes of sun_path for themselves.
    Most,
    /// Those that get beyond sun_path. Some of the others cut the path, and use what is left of it.
    Few,
}

/// The reach of an address as it is written.
pub(crate) fn reach(text: &CStr) -> Reach {
    const LONGEST_FOR_ALL: usize = 97;
    match (text.to_bytes(), text.count_bytes()) {
        ([b'@', ..], _) | (_, ..=LONGEST_FOR_ALL) => Reach::All,
        (_, ..SocketName::MAX) => Reach::Most,
        _ => Reach::Few,
    }
}

/// What takes a path to what a descriptor holds.
pub(crate) const NO_PROC: Failure = Failure::Step {
    step: "go by a descriptor's path in /proc, which is not mounted here (a path of up to 107 \
           bytes needs none)",
    error: Error::ENOENT,
};

/// Where a message of a batch goes. A failure is only a code: a message's result has room for no
/// more.
pub(crate) fn destination_of(text: &CStr) -> Result<Destination> {
    let to = Address::parse(text).and_then(|address| address.destination());
    to.map_err(|failure| failure.error())
}

/// Where to connect or send to, good as long as it is kept.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) name: SocketName,
    /// What the name leads to, if it leads through a descriptor.
    file: Option<Shared<Pinned>>,
}

/// A file that is held open.
struct Pinned {
    status: FileStatus,
    _descriptor: OwnedFd,
}

impl Destination {
    /// Whether its name leads through a descriptor.
    pub(crate) fn holds_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether both lead to the same receiver. (Two descriptors of one file are two names.)
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.file, &other.file) {
            (None, None) => self.name == other.name,
            (Some(one), Some(other)) => one.status.is_same_file(&other.status),
            _ => false,
        }
    }
}

impl AsRef<SocketName> for Destination {
    fn as_ref(&self) -> &SocketName {
        &self.name
    }
}

fn unescape(text: &[u8]) -> Result<SocketName, Failure> {
    const BAD: Failure = Failure::Invalid(
        r"in a name after @ a backslash begins \0, \\, \xNN or, at its end, \z, and nothing else",
    );
    let mut name = [0; SocketName::MAX];
    // Behind a NUL.
    let mut length = 1;
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let (byte, tail) = match (byte, tail) {
            // The rest is zero already.
            (b'\\', [b'z']) => {
                length = SocketName::MAX;
                break;
            }
            (b'\\', [b'0', tail @ ..]) => (0, tail),
            (b'\\', [b'\\', tail @ ..]) => (b'\\', tail),
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or(BAD);
                ((digit(high)? * 16 + digit(low)?) as u8, tail)
            }
            (b'\\', _) => return Err(BAD),
            _ => (*byte, tail),
        };
        if let Some(place) = name.get_mut(length) {
            *place = byte;
            length += 1;
        } else {
            let length = SocketName::MAX - 1 + 1 + tail.len();
            let most = SocketName::MAX - 1;
            return Err(Failure::TooLong { what: "abstract name", length, most });
        }
        rest = tail;
    }
    Ok(SocketName::new(&name[..length]).expect("the length was checked"))
}

/// The directory of a path and the name in it.
pub(crate) fn split(path: &CStr) -> Result<(CString, &CStr), Failure> {
    let bytes = path.to_bytes_with_nul();
    let cut = bytes.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let (parent, name) = bytes.split_at(cut);
    let name = CStr::from_bytes_with_nul(name).expect("the end of a C string");
    if name.is_empty() || name == c"." || name == c".." {
        return Err(Failure::Invalid("the path names a directory; name a file in it"));
    }
    Ok((c_string(if parent.is_empty() { b"." } else { parent })?, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name_text::{NAME_TEXT_MAX, text_of, without_padding};

    fn name(text: &CStr) -> SocketName {
        match Address::parse(text).ok().unwrap() {
            Address::Path(path) => SocketName::new(path.to_bytes()).unwrap(),
            Address::Abstract(name) => name,
            Address::Any => panic!("no name"),
        }
    }

    #[test]
    fn a_name_written_down_reads_back_the_same() {
        for text in [
            c"/tmp/a",
            c"a",
            c"@a",
            c"@\\0b",
            c"@a\\\\b",
            c"@\\xff\\x01",
            c"./@file",
            c"@@",
            c"@a\\z",
            c"@a\\0b\\z",
            c"@a\\0",
            c"@\\z",
        ] {
            assert_eq!(&*text_of(&name(text)), text);
        }
    }

    #[test]
    fn a_padded_name_has_all_the_nuls_that_fit() {
        let text = |length, end: &str| CString::new("@".to_owned() + &"n".repeat(length) + end);
        for length in 0..SocketName::MAX {
            let padded = name(&text(length, r"\z").unwrap());
            assert_eq!(padded.bytes().len(), SocketName::MAX, "{length}");
            assert_eq!(without_padding(&padded.bytes()[1..]).len(), length);
        }
        // If no NUL fits any more, it is the name itself.
        assert!(name(&text(107, r"\z").unwrap()) == name(&text(107, "").unwrap()));
        assert!(Address::parse(&text(108, r"\z").unwrap()).is_err());
        let spelt = CString::new("@n".to_owned() + &r"\0".repeat(106)).unwrap();
        assert_eq!(&*text_of(&name(&spelt)), c"@n\\z");
    }

    #[test]
    fn who_reaches_a_path_depends_on_its_length() {
        let path = |length| CString::new("p".repeat(length)).unwrap();
        let lengths = [1, 97, 98, 107, 108, 4095].map(|length| reach(&path(length)));
        let [all, most, few] = [Reach::All, Reach::Most, Reach::Few];
        assert_eq!(lengths, [all, all, most, most, few, few]);
        assert_eq!(reach(&CString::new("@".to_owned() + &"n".repeat(107)).unwrap()), all);
    }

    #[test]
    fn every_byte_can_stand_in_an_abstract_name() {
        for byte in 0..=255_u8 {
            let name = SocketName::new(&[0, b'n', byte]).unwrap();
            let text = text_of(&name);
            let Address::Abstract(back) = Address::parse(&text).ok().unwrap() else { panic!() };
            assert_eq!(back.bytes(), [0, b'n', byte]);
        }
    }

    #[test]
    fn a_received_path_that_begins_with_at_stays_a_path() {
        assert_eq!(&*text_of(&SocketName::new(b"@file").unwrap()), c"./@file");
    }

    #[test]
    fn the_longest_text_fits() {
        let name = SocketName::new(&[&[0][..], &[0xFF; 107][..]].concat()).unwrap();
        assert!(text_of(&name).to_bytes().len() <= NAME_TEXT_MAX);
    }

    #[test]
    fn what_can_not_be_is_refused() {
        for text in
            [c"", c"@\\", c"@\\x", c"@\\x1", c"@\\xg0", c"@\\n", c"@a\\xF", c"@a\\zb", c"@\\Z"]
        {
            let failure = Address::parse(text).err().unwrap();
            assert_eq!(failure.error(), Error::EINVAL, "{text:?}");
        }
        let long = |count: usize, start: &str| CString::new(start.to_owned() + &"x".repeat(count));
        for (text, good) in [
            (long(107, "@").unwrap(), true),
            (long(108, "@").unwrap(), false),
            (long(4094, "/").unwrap(), true),
            (long(4095, "/").unwrap(), false),
        ] {
            match Address::parse(&text) {
                Ok(_) => assert!(good),
                Err(failure) => assert!(!good && failure.error() == Error::ENAMETOOLONG),
            }
        }
    }
}
