//! A file system that a process makes (fuse(4)): one flat directory, in memory, with the
//! peculiarities of some that are in use.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Error, Read, Write};
use std::os::fd::AsRawFd;
use std::ptr;

use crate::forked::Forked;
use support::*;

/// What it does not do.
#[derive(Clone, Copy, Default)]
pub struct Peculiar {
    /// Every file has mode 0777 and is root's; to ask for others succeeds.
    pub keeps_no_modes: bool,
    /// RENAME_NOREPLACE to a free name, and RENAME_EXCHANGE, are EINVAL.
    pub knows_no_flags: bool,
    /// It makes no sockets.
    pub makes_no_sockets: bool,
}

/// Mounted, and served by another process, until this is dropped.
pub struct Fuse {
    directory: String,
    server: Option<Forked>,
}

impl Fuse {
    /// Only in a child. `None`, and said so, where this can't be.
    pub fn mount(test: &str, directory: &str, peculiar: Peculiar) -> Option<Self> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let Ok(device) = device else {
            skip(test, "/dev/fuse can't be opened");
            return None;
        };
        fs::create_dir_all(directory).expect("a directory to mount on");
        let options = c(&format!(
            "fd={},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other",
            device.as_raw_fd()
        ));
        // SAFETY: C strings and NULL.
        let mounted = unsafe {
            libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::mount(
                    ptr::null(),
                    c"/".as_ptr(),
                    ptr::null(),
                    libc::MS_REC | libc::MS_PRIVATE,
                    ptr::null(),
                ) == 0
                && libc::mount(
                    c"udsock-test".as_ptr(),
                    c(directory).as_ptr(),
                    c"fuse".as_ptr(),
                    0,
                    options.as_ptr().cast(),
                ) == 0
        };
        if !mounted {
            skip(test, &format!("FUSE can't be mounted: {}", Error::last_os_error()));
            return None;
        }
        let directory = directory.to_owned();
        let serving = move || {
            std::thread::spawn(move || FileSystem::new(peculiar).serve(device));
        };
        Some(Self { directory, server: Some(Forked::holding(serving)) })
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        // SAFETY: a C string.
        unsafe { libc::umount2(c(&self.directory).as_ptr(), libc::MNT_DETACH) };
        self.server = None;
    }
}

struct FileSystem {
    peculiar: Peculiar,
    /// By number: type and mode, user, group. The directory is 1.
    files: BTreeMap<u64, [u32; 3]>,
    names: BTreeMap<Vec<u8>, u64>,
}

type Answer = Result<Vec<u8>, i32>;

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A name that ends with a NUL.
fn name_of(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take_while(|&byte| byte != 0).collect()
}

impl FileSystem {
    fn new(peculiar: Peculiar) -> Self {
        let files = BTreeMap::from([(1, [libc::S_IFDIR | 0o777, 0, 0])]);
        Self { peculiar, files, names: BTreeMap::new() }
    }

    /// Until it is unmounted.
    fn serve(mut self, mut device: File) {
        const HEADER: usize = 40;
        let mut request = vec![0; 1 << 18];
        while let Ok(size) = device.read(&mut request) {
            let (operation, unique) = (u32_at(&request, 4), u64_at(&request, 8));
            let (node, uid, gid) =
                (u64_at(&request, 16), u32_at(&request, 24), u32_at(&request, 28));
            let body = &request[HEADER..size];
            let Some(answer) = self.answer(operation, node, [uid, gid], body) else { continue };
            let (error, body) = answer.map_or_else(|error| (-error, Vec::new()), |body| (0, body));
            let mut reply = words(&[16 + body.len() as u32, error as u32]);
            reply.extend(unique.to_le_bytes());
            reply.extend(body);
            if device.write_all(&reply).is_err() {
                return;
            }
        }
    }

    /// `None`: none is wanted.
    fn answer(&mut self, operation: u32, node: u64, who: [u32; 2], body: &[u8]) -> Option<Answer> {
        const FORGET: u32 = 2;
        const INTERRUPT: u32 = 36;
        const BATCH_FORGET: u32 = 42;
        Some(match operation {
            FORGET | INTERRUPT | BATCH_FORGET => return None,
            // INIT: version 7.31, and the rest as small as it may be.
            26 => {
                Ok([words(&[7, 31, 65536, 0, 16 | 12 << 16, 65536, 1, 16]), words(&[0; 8])]
                    .concat())
            }
            1 => self.named(&name_of(body)).map(|node| self.entry(node)),
            // GETATTR, SETATTR
            3 => Ok(self.attributes_for_long(node)),
            4 => Ok(self.set_attributes(node, body)),
            8 => self.make(u32_at(body, 0) & !u32_at(body, 8), who, &name_of(&body[16..])),
            // UNLINK
            10 => self.names.remove(&name_of(body)).map(|_| Vec::new()).ok_or(libc::ENOENT),
            12 => self.rename(0, &body[8..]),
            45 => self.rename(u32_at(body, 8), &body[16..]),
            // OPEN, OPENDIR
            14 | 27 => Ok(vec![0; 16]),
            // RELEASE, READDIR, RELEASEDIR
            18 | 28 | 29 => Ok(Vec::new()),
            _ => Err(libc::ENOSYS),
        })
    }

    fn named(&self, name: &[u8]) -> Result<u64, i32> {
        self.names.get(name).copied().ok_or(libc::ENOENT)
    }

    fn attributes(&self, node: u64) -> Vec<u8> {
        let [mode, uid, gid] = self.files[&node];
        let mut bytes = node.to_le_bytes().to_vec();
        bytes.extend([0; 40]);
        bytes.extend(words(&[0, 0, 0, mode, 1, uid, gid, 0, 4096, 0]));
        bytes
    }

    /// Nothing is to be remembered.
    fn attributes_for_long(&self, node: u64) -> Vec<u8> {
        [vec![0; 16], self.attributes(node)].concat()
    }

    fn entry(&self, node: u64) -> Vec<u8> {
        [node.to_le_bytes().to_vec(), vec![0; 32], self.attributes(node)].concat()
    }

    fn set_attributes(&mut self, node: u64, body: &[u8]) -> Vec<u8> {
        let valid = u32_at(body, 0);
        if !self.peculiar.keeps_no_modes {
            let file = self.files.get_mut(&node).expect("the kernel knows it");
            for (number, at) in [68, 76, 80].into_iter().enumerate() {
                if valid & 1 << number != 0 {
                    file[number] = u32_at(body, at);
                }
            }
        }
        self.attributes_for_long(node)
    }

    fn make(&mut self, mode: u32, [uid, gid]: [u32; 2], name: &[u8]) -> Answer {
        if self.peculiar.makes_no_sockets && mode & libc::S_IFMT == libc::S_IFSOCK {
            return Err(libc::EIO);
        }
        if self.names.contains_key(name) {
            return Err(libc::EEXIST);
        }
        let node = self.files.keys().last().expect("the directory") + 1;
        let file = match self.peculiar.keeps_no_modes {
            true => [mode & libc::S_IFMT | 0o777, 0, 0],
            false => [mode, uid, gid],
        };
        self.files.insert(node, file);
        self.names.insert(name.to_vec(), node);
        Ok(self.entry(node))
    }

    fn rename(&mut self, flags: u32, names: &[u8]) -> Answer {
        let old = name_of(names);
        let new = name_of(&names[old.len() + 1..]);
        let (moved, there) = (self.named(&old)?, self.named(&new).ok());
        if flags & libc::RENAME_NOREPLACE != 0 && there.is_some() {
            return Err(libc::EEXIST);
        }
        if flags != 0 && self.peculiar.knows_no_flags {
            return Err(libc::EINVAL);
        }
        match there {
            Some(there) if flags & libc::RENAME_EXCHANGE != 0 => self.names.insert(old, there),
            None if flags & libc::RENAME_EXCHANGE != 0 => return Err(libc::ENOENT),
            _ => self.names.remove(&old),
        };
        self.names.insert(new, moved);
        Ok(Vec::new())
    }
}
