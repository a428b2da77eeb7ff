//! A browser of few words: requests as text over a socket, so that every byte of them is the test's.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// Nothing takes so long.
const LIMIT: Duration = Duration::from_secs(20);

/// What a browser was given: a link.
pub struct Browser {
    address: SocketAddr,
    token: String,
}

impl Browser {
    /// Opens a link.
    pub fn open(link: &str) -> Browser {
        let (address, token) = link.split_once("/#").expect("a link with a token");
        let address = address.strip_prefix("http://").expect("a link").parse().expect("a link with an address");
        Browser { address, token: token.to_owned() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The header line of a viewer who has signed in.
    pub fn cookie(&self) -> String {
        let answer = self.get("/api/session", &format!("X-Brisk-Token: {}\r\n", self.token()));
        assert_eq!(answer.status, 204, "{answer:?}");
        let cookie = answer.header("set-cookie").expect("a cookie");
        format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
    }

    /// Whether anything is there that knows this link's token.
    pub fn is_let_in(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address()) else { return false };
        let request = format!(
            "GET /api/session HTTP/1.1\r\nHost: {}\r\nX-Brisk-Token: {}\r\nConnection: close\r\n\r\n",
            self.address(),
            self.token()
        );
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut answer = Vec::new();
        // Whatever is there may end it at any time.
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.take(64).read_to_end(&mut answer);
        answer.starts_with(b"HTTP/1.1 204")
    }

    /// What a GET with these header lines gives.
    pub fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.address()))
    }

    /// What a request gives.
    pub fn ask(&self, request: &str) -> Answer {
        Answer::read(&mut self.send(request), !request.starts_with("HEAD"))
    }

    /// Sends a request, or the beginning of one.
    pub fn send(&self, request: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        BufReader::new(stream)
    }

    /// Follows the events.
    pub fn follow(&self, cookie: &str) -> Events {
        let request = format!("GET /api/events HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n", self.address());
        let mut stream = self.send(&request);
        let head = Answer::head(&mut stream);
        assert_eq!(head.status, 200, "{head:?}");
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        Events { stream, text: String::new() }
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    fn head(stream: &mut BufReader<TcpStream>) -> Answer {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(stream.read_line(&mut line).unwrap() > 0, "it ended after {lines:?}");
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines[1..].iter().map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Answer { status, headers, body: Vec::new() }
    }

    fn read(stream: &mut BufReader<TcpStream>, has_body: bool) -> Answer {
        let mut answer = Self::head(stream);
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if has_body {
            answer.body.resize(length, 0);
            stream.read_exact(&mut answer.body).unwrap();
        }
        answer
    }
}

/// Events as they come.
pub struct Events {
    stream: BufReader<TcpStream>,
    text: String,
}

impl Events {
    /// The next: its kind and what it says. `None` at the end.
    pub fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (kind, data) = event.split_once('\n').unwrap();
                let kind = kind.strip_prefix("event: ").unwrap().to_owned();
                let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                self.text = rest.to_owned();
                return Some((kind, data));
            }
            let chunk = self.chunk()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// A chunk of the body; `None` for the last one.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut length = String::new();
        self.stream.read_line(&mut length).unwrap();
        let length = usize::from_str_radix(length.trim(), 16).expect("the body ends with a last chunk");
        let mut chunk = vec![0; length + 2];
        self.stream.read_exact(&mut chunk).unwrap();
        chunk.truncate(length);
        (length > 0).then_some(chunk)
    }
}
