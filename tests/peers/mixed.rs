//! Many clients at once, some of them allowed. Whole with UDSOCK_ALLOW_COUNT=10000.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::calls::*;
use crate::processes::{Process, Shared};
use crate::users::*;
use support::*;

const ALLOWED: [User; 4] = [
    ALICE,
    user(71_070, CLUB, &[]),
    user(71_071, 72_071, &[72_070, CLUB, 72_072]),
    user(ALICE.uid, BOB.gid, &[BOB.gid]),
];

const REFUSED: [User; 4] = [
    ROOT,
    BOB,
    user(71_072, 72_073, &[CLUB - 1, CLUB + 1, ALICE.uid]),
    user(CLUB, ALICE.uid, &[ALICE.gid]),
];

/// What clients and server count, each for itself.
#[derive(Default)]
struct Counts {
    welcomed: AtomicU64,
    ended: AtomicU64,
}

/// Connects, says hello, and has to be answered.
fn is_let_in(kind: u32, path: &str, counts: &Counts) {
    let client = open_client(kind, path);
    assert_eq!(client.send(b"allowed", LONG), 7);
    assert_eq!(client.recv(LONG).map_err(name_of).unwrap(), b"welcome");
    counts.welcomed.fetch_add(1, Ordering::Relaxed);
}

/// Connects, says hello if there is time for it, and has to see the end.
fn is_refused(kind: u32, path: &str, counts: &Counts) {
    let client = open_client(kind, path);
    let sent = client.send(b"refused", LONG);
    assert!(sent == 7 || sent == no(libc::EPIPE), "{sent}");
    sees_the_end(&client);
    counts.ended.fetch_add(1, Ordering::Relaxed);
}

/// Serves until told to stop: how many clients came.
fn serve(server: &Sock, over: &AtomicBool) -> u64 {
    let mut served = 0;
    loop {
        let (client, who) = match accept_from(server, 50) {
            Ok(client) => client,
            Err(code) => {
                assert_eq!(code, no(libc::ETIMEDOUT), "{}", name_of(code));
                if over.load(Ordering::Acquire) {
                    return served;
                }
                continue;
            }
        };
        assert_eq!(client.recv(LONG).unwrap(), b"allowed", "{who:?}");
        assert!(ALLOWED.iter().any(|user| (user.uid, user.gid) == (who.uid, who.gid)), "{who:?}");
        assert_eq!(client.send(b"welcome", LONG), 7);
        served += 1;
    }
}

#[test]
fn a_refused_client_never_reaches_the_program_and_the_allowed_always_do() {
    as_root(|| {
        let whole = repeat("UDSOCK_ALLOW_COUNT", 2_000);
        let users = (ALLOWED.len() + REFUSED.len()) as u64;
        let each = whole.div_ceil(2 * users);
        for kind in CONNECTED_KINDS {
            let dir = Dir::new();
            let (server, path) = open_to_all(kind, &dir, "s");
            assert_eq!((allow_uid(&server, ALICE.uid), allow_gid(&server, CLUB)), (0, 0));
            let counts = Shared::new(Counts::default());
            let come = |user: &User, visit: fn(u32, &str, &Counts)| {
                user.does(|| (0..each).for_each(|_| visit(kind, &path, &counts)))
            };
            let clients: Vec<Process> = ALLOWED
                .iter()
                .map(|user| come(user, is_let_in))
                .chain(REFUSED.iter().map(|user| come(user, is_refused)))
                .collect();
            let over = AtomicBool::new(false);
            let served: u64 = thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..3).map(|_| scope.spawn(|| serve(&server, &over))).collect();
                let statuses: Vec<_> = clients.into_iter().map(|mut one| one.wait()).collect();
                over.store(true, Ordering::Release);
                assert!(statuses.iter().all(|status| status.success()), "{statuses:?}");
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            let expected = each * users / 2;
            assert_eq!(served, expected);
            assert_eq!(counts.welcomed.load(Ordering::Relaxed), expected);
            assert_eq!(counts.ended.load(Ordering::Relaxed), expected);
            assert_eq!(refused(&server), expected as i64);
            assert_eq!(server.accept(0).map(drop), Err(no(libc::EAGAIN)));
        }
    });
}
