//! Who gets what over HTTP: each rule, broken once.

mod support;

use std::io::Read;

use support::Served;

#[test]
fn the_page_is_for_everybody_and_what_it_shows_for_those_with_the_link() {
    let served = Served::start();
    let page = served.get("/", "");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(!page.body.is_empty());
    for path in ["/api/events", "/api/graph", "/api/tasks/0", "/api/workers/1", "/api/nothing"] {
        let answer = served.get(path, "");
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.json()["error"].as_str().unwrap().contains("open the link"), "{path}");
    }
    let cookie = served.cookie();
    assert_eq!(served.get("/api/graph", &cookie).status, 200);
    assert_eq!(served.get("/api/nothing", &cookie).status, 404);
    assert_eq!(served.get("/nothing", "").status, 404);
}

#[test]
fn a_token_that_is_not_the_right_one_opens_nothing() {
    let served = Served::start();
    let right = served.token().to_owned();
    let wrong = [
        String::new(),
        "X-Brisk-Token: \r\n".to_owned(),
        format!("X-Brisk-Token: {}\r\n", "0".repeat(64)),
        format!("X-Brisk-Token: {}\r\n", &right[..63]),
        format!("X-Brisk-Token: {right}0\r\n"),
        format!("X-Brisk-Token: {right}\r\nX-Brisk-Token: {right}\r\n"),
    ];
    for headers in wrong {
        let answer = served.get("/api/session", &headers);
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{headers}");
    }
    // Nor is it taken anywhere but there: not as a cookie, nor in the address.
    let port = served.address().port();
    assert_eq!(served.get("/api/graph", &format!("Cookie: brisk-{port}={right}\r\n")).status, 401);
    assert_eq!(served.get(&format!("/api/graph?token={right}"), "").status, 401);
    let answer = served.get("/api/session", &format!("X-Brisk-Token: {right}\r\n"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains(&right), "{cookie}");
}

#[test]
fn another_host_is_not_answered() {
    let served = Served::start();
    let port = served.address().port();
    let cookie = served.cookie();
    let ask = |host: &str| served.ask(&format!("GET / HTTP/1.1\r\n{host}{cookie}\r\n")).status;
    for host in [
        format!("Host: evil.example:{port}\r\n"),
        "Host: 127.0.0.1\r\n".to_owned(),
        format!("Host: 127.0.0.1:{}\r\n", port ^ 1),
        format!("Host: localhost.evil.example:{port}\r\n"),
        format!("Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n"),
        String::new(),
    ] {
        assert!([400, 403].contains(&ask(&host)), "{host}");
    }
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        assert_eq!(ask(&format!("Host: {host}:{port}\r\n")), 200, "{host}");
    }
}

#[test]
fn pages_of_other_origins_get_nothing() {
    let served = Served::start();
    let cookie = served.cookie();
    let address = served.address();
    for headers in [
        "Origin: http://evil.example\r\n".to_owned(),
        "Origin: null\r\n".to_owned(),
        format!("Origin: https://{address}\r\n"),
        format!("Origin: http://localhost:{}\r\n", address.port()),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
        "Sec-Fetch-Site: same-site\r\n".to_owned(),
    ] {
        for path in ["/api/events", "/api/graph"] {
            assert_eq!(served.get(path, &format!("{cookie}{headers}")).status, 403, "{path} {headers}");
        }
        let token = format!("X-Brisk-Token: {}\r\n{headers}", served.token());
        assert_eq!(served.get("/api/session", &token).status, 403, "{headers}");
    }
    let own = format!("{cookie}Origin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(served.get("/api/graph", &own).status, 200);
}

#[test]
fn nothing_can_be_changed() {
    let served = Served::start();
    let cookie = served.cookie();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        for path in ["/", "/api/session", "/api/graph", "/api/events"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n", served.address());
            let answer = served.ask(&request);
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
    for path in ["/", "/api/graph", "/api/events"] {
        let answer = served.ask(&format!("HEAD {path} HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n", served.address()));
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[test]
fn every_answer_forbids_what_a_page_could_be_made_to_do() {
    let served = Served::start();
    let cookie = served.cookie();
    for (path, headers) in [("/", ""), ("/nothing", ""), ("/api/graph", ""), ("/api/graph", cookie.as_str())] {
        let answer = served.get(path, headers);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        if path.starts_with("/api") {
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let served = Served::start();
    let cookie = served.cookie();
    assert_eq!(served.get("/", &format!("X-Long: {}\r\n", "a".repeat(4_000))).status, 200);
    assert_eq!(served.get("/", &format!("X-Long: {}\r\n", "a".repeat(9_000))).status, 431);
    let many: String = (0..200).map(|i| format!("X-{i}: a\r\n")).collect();
    assert_eq!(served.get("/", &many).status, 431);
    assert_eq!(served.get("/api/graph", &cookie).status, 200);
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let served = Served::start();
    let mut slow = served.send("GET / HTTP/1.1\r\nHost: ");
    let mut rest = Vec::new();
    // The test's own patience is longer.
    slow.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
}

#[test]
fn there_are_no_more_connections_than_may_be() {
    let served = Served::start();
    let cookie = served.cookie();
    let mut followers: Vec<_> = (0..63).map(|_| served.follow(&cookie)).collect();
    followers.iter_mut().for_each(|events| assert_eq!(events.next().unwrap().0, "snapshot"));
    // Whoever signed in may still hold a place; then there is room for none, else for one.
    let mut idle: Vec<_> = (0..8).map(|_| served.send("")).collect();
    let mut refused = 0;
    for stream in &mut idle[1..] {
        let mut words = Vec::new();
        refused += usize::from(stream.read_to_end(&mut words).is_ok() && words.starts_with(b"HTTP/1.1 503"));
    }
    assert_eq!(refused, 7);
    drop(followers);
}

#[test]
fn the_end_does_not_wait_for_those_who_follow() {
    for ends_itself in [true, false] {
        let served = Served::start();
        let mut events = served.follow(&served.cookie());
        let stuck = served.send("GET / HTTP/1.1\r\n");
        assert_eq!(events.next().unwrap().0, "snapshot");
        let address = served.address();
        if ends_itself {
            served.server.shutdown();
        } else {
            served.runtime.block_on(served.dashboard.shutdown());
        }
        while let Some((kind, _)) = events.next() {
            assert_eq!(kind, "delta");
        }
        drop(stuck);
        if !ends_itself {
            assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
        }
    }
}

#[test]
fn two_schedulers_have_two_pages_and_neither_takes_the_others_visitors() {
    let (one, other) = (Served::start(), Served::start());
    assert_ne!(one.address().port(), other.address().port());
    assert_eq!(other.get("/api/graph", &one.cookie()).status, 401);
    let token = format!("X-Brisk-Token: {}\r\n", one.token());
    assert_eq!(other.get("/api/session", &token).status, 401);
}
