//! What a socket is to receive, as far as a program can know: all that was sent and not
//! received, in its order.

use std::collections::VecDeque;

use crate::calls::*;
use support::*;

/// A message on its way.
#[derive(Debug)]
pub struct Message {
    pub data: Vec<u8>,
    /// Where it comes from; empty: from a socket without a name.
    pub from: String,
    pub descriptors: usize,
}

/// What is due.
#[derive(Debug)]
pub enum Due {
    Bytes(VecDeque<u8>),
    Messages(VecDeque<Message>),
}

impl Due {
    pub fn new(kind: u32) -> Self {
        match kind {
            UDSOCK_STREAM => Self::Bytes(VecDeque::new()),
            _ => Self::Messages(VecDeque::new()),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Messages(messages) => messages.is_empty(),
        }
    }

    pub fn clear(&mut self) {
        match self {
            Self::Bytes(bytes) => bytes.clear(),
            Self::Messages(messages) => messages.clear(),
        }
    }

    pub fn push(&mut self, data: &[u8], from: &str, descriptors: usize) {
        match self {
            Self::Bytes(bytes) => bytes.extend(data),
            Self::Messages(messages) => messages.push_back(Message {
                data: data.to_vec(),
                from: from.to_owned(),
                descriptors,
            }),
        }
    }

    /// Some bytes of a stream have come, or a message, whole: the message.
    pub fn came(&mut self, data: &[u8]) -> Option<Message> {
        match self {
            Self::Bytes(bytes) => {
                assert!(!data.is_empty() && data.len() <= bytes.len(), "bytes that nobody sent");
                assert!(bytes.drain(..data.len()).eq(data.iter().copied()), "other bytes");
                None
            }
            Self::Messages(messages) => {
                let message = messages.pop_front().expect("a message is due");
                assert_eq!(message.data.len(), data.len(), "another message's size");
                assert!(message.data == data, "another message");
                Some(message)
            }
        }
    }

    /// An event has brought it; nothing of the arena was taken before it, or something.
    pub fn was_told(&mut self, event: &Event, arena: usize, is_untouched: bool) {
        let Self::Messages(messages) = self else {
            assert_eq!((event.code, &event.address[..]), (0, ""));
            self.came(&event.data);
            return;
        };
        let due = messages.front_mut().expect("a message is due");
        let text = if due.from.is_empty() { 0 } else { due.from.len() + 1 };
        let mut address = &due.from[..];
        let mut code = 0;
        if due.data.len() + text > arena {
            assert!(is_untouched, "cut, though not the whole arena was free");
            address = "";
            code = no(if due.data.len() > arena { libc::EMSGSIZE } else { libc::ERANGE });
        }
        assert_eq!((event.code, &event.address[..]), (code, address));
        due.data.truncate(arena);
        self.came(&event.data);
    }
}
