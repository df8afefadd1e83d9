//! Deadlines hold and nothing is lost under a storm of signals: a timeout never comes
//! early, and a call that was interrupted can simply be called again.

use support::*;
use support::{storm, waiting};

use waiting::*;

use storm::*;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const TIMEOUTS: [i32; 2] = [1, 30];

/// Waits for each timeout to run out, on every call; how often a signal came first.
/// `before` is told the number of the attempt.
fn check_timeouts(situations: &[Situation], mut before: impl FnMut(u64)) -> u64 {
    let mut interrupted = 0;
    for Situation { name, socket, call, at_once, unblock } in situations {
        for timeout_ms in TIMEOUTS {
            for attempt in 0.. {
                before(attempt);
                assert_eq!(name_of(call(socket.0, 0)), name_of(*at_once), "{name}");
                let start = Instant::now();
                match call(socket.0, timeout_ms) {
                    result if result == no(libc::EINTR) => interrupted += 1,
                    result => {
                        assert_eq!(name_of(result), "ETIMEDOUT", "{name}");
                        check_late(start, timeout_ms, name);
                        break;
                    }
                }
            }
        }
        unblock();
        let result = loop {
            match call(socket.0, 10_000) {
                result if result == no(libc::EINTR) => interrupted += 1,
                result => break result,
            }
        };
        assert!(result >= 0, "{name}: {}", name_of(result));
    }
    interrupted
}

#[test]
fn a_timeout_is_never_early_under_signals_to_the_thread() {
    in_own_process("a_timeout_is_never_early_under_signals_to_the_thread", || {
        for flags in HANDLERS {
            let dir = Dir::new();
            Storm::rage(flags, 20, Duration::from_millis(40), |storm| {
                storm.join();
                let interrupted = check_timeouts(&situations(&dir), |_| ());
                storm.interrupted.fetch_add(interrupted, Ordering::Relaxed);
            });
        }
    });
}

#[test]
fn a_timeout_is_never_early_under_a_timer() {
    in_own_process("a_timeout_is_never_early_under_a_timer", || {
        for flags in HANDLERS {
            let dir = Dir::new();
            install_handler(libc::SIGALRM, flags);
            let timer = Timer::new();
            // The last one leaves time enough for every timeout.
            let interrupted = check_timeouts(&situations(&dir), |attempt| {
                timer.every([300, 1_000, 90_000][(attempt % 3) as usize]);
            });
            assert!(interrupted > 0, "signals came while calls waited");
        }
    });
}

#[test]
fn below_forever_there_is_no_timeout() {
    let dir = Dir::new();
    for Situation { name, socket, call, .. } in situations(&dir) {
        for timeout_ms in [-2, i32::MIN] {
            assert_eq!(name_of(call(socket.0, timeout_ms)), "EINVAL", "{name}");
        }
    }
}

/// Sends and receives so many numbered messages, each on a thread in the storm.
fn transfer(
    storm: &Storm,
    count: u64,
    send: impl FnOnce(&mut dyn Iterator<Item = u64>) + Send,
    receive: impl FnOnce(&mut dyn Iterator<Item = u64>) + Send,
) {
    // Each side rests now and then, so that the other has to wait.
    let resting = |rest: u64| {
        (0..count).inspect(move |number| {
            if number % 200 == rest {
                thread::sleep(Duration::from_millis(5));
            }
        })
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            storm.join();
            send(&mut resting(0));
        });
        scope.spawn(|| {
            storm.join();
            receive(&mut resting(100));
        });
    });
}

/// Message `number`, of a length of its own.
fn numbered(number: u64) -> Vec<u8> {
    let mut data = number.to_le_bytes().to_vec();
    data.resize(8 + (number % 97) as usize, number as u8);
    data
}

/// Byte `position` of a stream.
fn byte_at(position: usize) -> u8 {
    (position.wrapping_mul(2_654_435_761) >> 16) as u8
}

fn bytes_from(position: usize, count: usize) -> Vec<u8> {
    (position..position + count).map(byte_at).collect()
}

#[test]
fn a_stream_loses_nothing() {
    under_signals("a_stream_loses_nothing", 3_000, |storm, count| {
        let (sender, receiver) = pair(UDSOCK_STREAM);
        let size = |number: u64| 1 + (number * 7_919 % 20_000) as usize;
        let total = (0..count).map(size).sum();
        transfer(
            storm,
            count,
            |numbers| {
                let mut position = 0;
                for number in numbers {
                    let end = position + size(number);
                    while position < end {
                        let data = bytes_from(position, end - position);
                        position += storm.call(|timeout| sender.send(&data, timeout)) as usize;
                    }
                }
            },
            |numbers| {
                let mut position = 0;
                let mut buffer = vec![0; 30_000];
                for _ in numbers.chain(std::iter::repeat(0)) {
                    if position == total {
                        break;
                    }
                    let got = storm.call(|timeout| receiver.recv_into(&mut buffer, timeout));
                    assert!(buffer[..got as usize] == bytes_from(position, got as usize));
                    position += got as usize;
                }
            },
        );
        assert_eq!(receiver.recv(0), Err(no(libc::EAGAIN)));
    });
}

/// Blocks larger than what a socket holds: each side rests halfway through some of them,
/// and so the other is interrupted there.
#[test]
fn progress_is_told_when_a_block_is_interrupted() {
    const BLOCK: usize = 1_200_000;
    const REST: Duration = Duration::from_millis(5);
    under_signals("progress_is_told_when_a_block_is_interrupted", 30, |storm, count| {
        let (sender, receiver) = pair(UDSOCK_STREAM);
        let [halfway_sent, halfway_received] = [const { AtomicU64::new(0) }; 2];
        transfer(
            storm,
            count,
            |numbers| {
                for number in numbers {
                    let block = bytes_from(number as usize * BLOCK, BLOCK);
                    for half in block.chunks(BLOCK / 2) {
                        let mut done = 0;
                        storm.call(|timeout| {
                            let (result, sent) = sender.send_all(&half[done..], timeout);
                            check_progress(result, sent, half.len() - done);
                            done += sent;
                            let halfway = result < 0 && done > 0;
                            halfway_sent.fetch_add(halfway.into(), Ordering::Relaxed);
                            result
                        });
                        if number % 5 == 0 {
                            thread::sleep(REST);
                        }
                    }
                }
            },
            |numbers| {
                for number in numbers {
                    if number % 5 == 2 {
                        thread::sleep(REST);
                    }
                    let mut block = Vec::new();
                    storm.call(|timeout| {
                        let left = BLOCK - block.len();
                        let (result, received) = receiver.recv_exact(left, timeout);
                        check_progress(result, received.len(), left);
                        block.extend(received);
                        let halfway = result < 0 && !block.is_empty();
                        halfway_received.fetch_add(halfway.into(), Ordering::Relaxed);
                        result
                    });
                    assert!(block == bytes_from(number as usize * BLOCK, BLOCK), "{number}");
                }
            },
        );
        assert!(halfway_sent.into_inner() > 0 && halfway_received.into_inner() > 0);
    });
}

fn check_progress(result: i64, progress: usize, size: usize) {
    assert_eq!(result == size as i64, progress == size, "{}, {progress}", name_of(result));
    assert!(progress <= size);
}

#[test]
fn messages_arrive_once_and_in_order() {
    under_signals("messages_arrive_once_and_in_order", 4_000, |storm, count| {
        for kind in [UDSOCK_SEQPACKET, UDSOCK_DGRAM] {
            let (sender, receiver) = pair(kind);
            transfer(
                storm,
                count,
                |numbers| {
                    for number in numbers {
                        let data = numbered(number);
                        let sent = storm.call(|timeout| sender.send(&data, timeout));
                        assert_eq!(sent as usize, data.len());
                    }
                },
                |numbers| {
                    let mut buffer = [0; 256];
                    for number in numbers {
                        let got = storm.call(|timeout| receiver.recv_into(&mut buffer, timeout));
                        assert_eq!(&buffer[..got as usize], numbered(number));
                    }
                },
            );
            assert_eq!(receiver.recv(0), Err(no(libc::EAGAIN)), "kind {kind}");
        }
    });
}

/// A full receiver: the sender can't poll for room, and pauses.
#[test]
fn datagrams_to_an_address_arrive_once_and_in_order() {
    let test = "datagrams_to_an_address_arrive_once_and_in_order";
    under_signals(test, 3_000, |storm, count| {
        let dir = Dir::new();
        let (here, there) = (dir.path("sender"), dir.path("receiver"));
        let sender = open_datagram(Some(&here));
        let receiver = open_datagram(Some(&there));
        transfer(
            storm,
            count,
            |numbers| {
                for number in numbers {
                    let data = numbered(number);
                    let sent = storm.call(|timeout| sender.send_to(&data, &there, timeout));
                    assert_eq!(sent as usize, data.len());
                }
            },
            |numbers| {
                for number in numbers {
                    let mut got = None;
                    storm.call(|timeout| match receiver.recv_from(timeout) {
                        Ok(message) => got.insert(message).0.len() as i64,
                        Err(code) => code,
                    });
                    assert_eq!(got, Some((numbered(number), here.clone())));
                }
            },
        );
        assert_eq!(receiver.recv(0), Err(no(libc::EAGAIN)));
    });
}

#[test]
fn batches_arrive_once_and_in_order() {
    const MOST: u64 = 100;
    under_signals("batches_arrive_once_and_in_order", 5_000, |storm, count| {
        for kind in [UDSOCK_SEQPACKET, UDSOCK_DGRAM] {
            let (sender, receiver) = pair(kind);
            transfer(
                storm,
                count,
                |numbers| {
                    let mut next = 0;
                    // As many as there are: each rest ends a batch.
                    for number in numbers {
                        while next <= number && (number % MOST == 0 || number + 1 == count) {
                            next += send_numbered(storm, &sender, next..number + 1);
                        }
                    }
                },
                |numbers| {
                    let mut next = 0;
                    for number in numbers {
                        while next <= number {
                            next += receive_numbered(storm, &receiver, next);
                        }
                    }
                },
            );
            assert_eq!(receiver.recv(0), Err(no(libc::EAGAIN)), "kind {kind}");
        }
    });
}

/// How many of these went, which are the first ones; the rest were interrupted.
fn send_numbered(storm: &Storm, sender: &Sock, numbers: std::ops::Range<u64>) -> u64 {
    let mut data: Vec<Vec<u8>> = numbers.map(numbered).collect();
    let mut messages: Vec<udsock_message> = data
        .iter_mut()
        .map(|data| udsock_message {
            data: data.as_mut_ptr().cast(),
            data_size: data.len(),
            ..message()
        })
        .collect();
    let went = storm.call(|timeout| {
        // SAFETY: an array of messages, of this length.
        unsafe { udsock_send_batch(sender.0, messages.as_mut_ptr(), messages.len(), timeout) }
    });
    for (index, (message, data)) in messages.iter().zip(&data).enumerate() {
        if (index as i64) < went {
            assert_eq!(message.result, data.len() as i32);
        } else {
            assert!([-libc::EINTR, -libc::ETIMEDOUT].contains(&message.result));
        }
    }
    went as u64
}

/// How many came; the first has this number.
fn receive_numbered(storm: &Storm, receiver: &Sock, first: u64) -> u64 {
    let mut rooms = [[0_u8; 256]; 64];
    let mut messages = rooms.each_mut().map(|room| udsock_message {
        data: room.as_mut_ptr().cast(),
        data_capacity: room.len(),
        ..message()
    });
    let came = storm.call(|timeout| {
        // SAFETY: an array of messages, of this length.
        unsafe { udsock_recv_batch(receiver.0, messages.as_mut_ptr(), messages.len(), timeout) }
    });
    for ((message, room), number) in messages.iter().zip(&rooms).zip(first..first + came as u64) {
        assert_eq!(room[..message.result as usize], numbered(number));
    }
    came as u64
}

/// A backlog of one is full most of the time.
#[test]
fn every_client_is_accepted_once_and_in_order() {
    under_signals("every_client_is_accepted_once_and_in_order", 1_500, |storm, count| {
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let address = dir.path("server");
            let options = udsock_bind_options { backlog: 1, ..bind_options() };
            let server = try_open_server(kind, &address, Some(&options)).unwrap();
            transfer(
                storm,
                count,
                |numbers| {
                    for number in numbers {
                        let client = create(kind);
                        storm.call(|timeout_ms| {
                            let options =
                                udsock_connect_options { timeout_ms, ..connect_options() };
                            match client.connect(&address, Some(&options)) {
                                Ok(()) => 0,
                                Err(refusal) => refusal.code,
                            }
                        });
                        assert_eq!(client.send(&number.to_le_bytes(), 0), 8);
                    }
                },
                |numbers| {
                    for number in numbers {
                        let mut client = None;
                        storm.call(|timeout| match server.accept(timeout) {
                            Ok(accepted) => client.insert(accepted).0,
                            Err(code) => code,
                        });
                        let mut got = [0; 8];
                        let client = client.expect("accepted");
                        storm.call(|timeout| client.recv_into(&mut got, timeout));
                        assert_eq!(u64::from_le_bytes(got), number);
                    }
                },
            );
            assert_eq!(server.accept(0).err(), Some(no(libc::EAGAIN)), "kind {kind}");
        }
    });
}
