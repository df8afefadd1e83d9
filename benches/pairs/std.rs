//! The two parties over Rust's standard library, which has streams and datagrams. See pair.h
//! for the command line.

use std::env;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Instant;

const READ_SIZE: usize = 64 * 1024;

struct Task {
    is_server: bool,
    work: String,
    is_stream: bool,
    size: usize,
    count: usize,
    address: String,
}

impl Task {
    fn parse() -> Task {
        let words: Vec<String> = env::args().collect();
        assert!(words.len() == 7, "usage: server|client WORK KIND SIZE COUNT ADDRESS");
        Task {
            is_server: words[1] == "server",
            work: words[2].clone(),
            is_stream: words[3] == "stream",
            size: words[4].parse().expect("a size"),
            count: words[5].parse().expect("a count"),
            address: words[6].clone(),
        }
    }

    fn client_address(&self) -> String {
        format!("{}.client", self.address)
    }
}

/// What both kinds of socket can do.
trait Connection {
    fn send_all(&mut self, data: &[u8]) -> io::Result<()>;
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn receive_exactly(&mut self, buffer: &mut [u8]) -> io::Result<()>;
    fn say_that_all_came(&mut self, task: &Task) -> io::Result<()>;
}

impl Connection for UnixStream {
    fn send_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.write_all(data)
    }
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }
    fn receive_exactly(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.read_exact(buffer)
    }
    fn say_that_all_came(&mut self, _: &Task) -> io::Result<()> {
        self.write_all(&[0])
    }
}

impl Connection for UnixDatagram {
    fn send_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.send(data).map(|_| ())
    }
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.recv(buffer)
    }
    fn receive_exactly(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let received = self.recv(buffer)?;
        assert_eq!(received, buffer.len());
        Ok(())
    }
    fn say_that_all_came(&mut self, task: &Task) -> io::Result<()> {
        self.send_to(&[0], task.client_address()).map(|_| ())
    }
}

fn say_ready() {
    println!("ready");
}

fn listen(task: &Task) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(&task.address)?;
    say_ready();
    Ok(listener)
}

fn open_stream(task: &Task) -> io::Result<UnixStream> {
    if task.is_server { Ok(listen(task)?.accept()?.0) } else { UnixStream::connect(&task.address) }
}

fn open_datagram(task: &Task) -> io::Result<UnixDatagram> {
    if task.is_server {
        let socket = UnixDatagram::bind(&task.address)?;
        say_ready();
        socket.recv(&mut [0])?;
        if task.work == "round_trip" {
            socket.connect(task.client_address())?;
        }
        return Ok(socket);
    }
    let socket = UnixDatagram::bind(task.client_address())?;
    socket.connect(&task.address)?;
    socket.send(&[0])?;
    Ok(socket)
}

fn round_trip(task: &Task, socket: &mut impl Connection, count: usize) -> io::Result<()> {
    let mut buffer = vec![0; task.size];
    for _ in 0..count {
        if !task.is_server {
            socket.send_all(&buffer)?;
        }
        socket.receive_exactly(&mut buffer)?;
        if task.is_server {
            socket.send_all(&buffer)?;
        }
    }
    Ok(())
}

fn transfer(task: &Task, socket: &mut impl Connection, count: usize) -> io::Result<()> {
    let mut buffer = vec![0; task.size.max(READ_SIZE)];
    if task.is_server {
        let mut left = task.size * count;
        while left > 0 {
            left -= socket.receive(&mut buffer)?;
        }
        return socket.say_that_all_came(task);
    }
    for _ in 0..count {
        socket.send_all(&buffer[..task.size])?;
    }
    socket.receive_exactly(&mut [0])
}

fn work(task: &Task, mut socket: impl Connection) -> io::Result<()> {
    let is_transfer = task.work == "transfer";
    measure(task, |count| {
        if is_transfer {
            transfer(task, &mut socket, count)
        } else {
            round_trip(task, &mut socket, count)
        }
    })
}

fn connect_cycle(task: &Task) -> io::Result<()> {
    let listener = if task.is_server { Some(listen(task)?) } else { None };
    measure(task, |count| {
        for _ in 0..count {
            let mut socket = match &listener {
                Some(listener) => listener.accept()?.0,
                None => UnixStream::connect(&task.address)?,
            };
            round_trip(task, &mut socket, 1)?;
        }
        Ok(())
    })
}

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    safe fn clock_gettime(clock: i32, time: &mut Timespec) -> i32;
}

/// The process's CPU time so far in nanoseconds.
fn cpu_time() -> f64 {
    const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mut time);
    time.seconds as f64 * 1e9 + time.nanoseconds as f64
}

fn measure(task: &Task, mut run: impl FnMut(usize) -> io::Result<()>) -> io::Result<()> {
    run(task.count / 5 + 1)?;
    let (wall, cpu) = (Instant::now(), cpu_time());
    run(task.count)?;
    let (wall, cpu) = (wall.elapsed().as_nanos() as f64, cpu_time() - cpu);
    if !task.is_server {
        println!("ns_per_operation {:.1}", wall / task.count as f64);
    }
    println!("cpu_ns_per_operation {:.1}", cpu / task.count as f64);
    Ok(())
}

fn main() -> io::Result<()> {
    let task = Task::parse();
    match (task.work.as_str(), task.is_stream) {
        ("connect", _) => connect_cycle(&task),
        (_, true) => work(&task, open_stream(&task)?),
        (_, false) => work(&task, open_datagram(&task)?),
    }
}
