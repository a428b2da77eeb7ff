//! Who gets an answer.
//!
//! A page of another origin can make a browser send requests here, and a name of somebody else's can be bent to point at this
//! host. Against both it is enough to look: the `Host` must be one of this server's own, with its port; what says that it
//! comes from another origin gets nothing; and cookies are not sent with what other sites begin (`SameSite=Strict`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::{
    Method, Request, StatusCode,
    header::{COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN},
};

use crate::token::{Token, is_same};

/// The header with the token.
const TOKEN: HeaderName = HeaderName::from_static("x-brisk-token");

/// What browsers say of where a request was begun.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The rules.
pub(crate) struct Guard {
    address: SocketAddr,
    token: String,
    /// Browsers send cookies to every port of a host, so the name has the port.
    cookie_name: String,
    cookie: String,
}

/// Why a request gets no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) why: &'static str,
}

impl Guard {
    pub(crate) fn new(address: SocketAddr, token: &Token) -> Self {
        let cookie_name = format!("brisk-{}", address.port());
        Guard { address, token: token.text().to_owned(), cookie_name, cookie: token.cookie() }
    }

    /// The host to open in a browser, with the port.
    pub(crate) fn host(&self) -> String {
        let address = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(address, self.address.port()).to_string()
    }

    /// Whether a request is for this server and can only read, whoever sent it.
    pub(crate) fn admit<B>(&self, request: &Request<B>) -> Result<(), Refused> {
        let host = only(request.headers(), &HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| self.is_own(host)) {
            return Err(Refused {
                status: StatusCode::FORBIDDEN,
                why: "this server answers to its own addresses only: open the link as it was printed",
            });
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refused { status: StatusCode::METHOD_NOT_ALLOWED, why: "nothing can be changed here" });
        }
        Ok(())
    }

    /// Whether a request comes from a page of this server, or from no page.
    pub(crate) fn same_origin(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let host = headers.get(HOST).map_or(&b""[..], HeaderValue::as_bytes);
        let is_own = |origin: &HeaderValue| origin.as_bytes().strip_prefix(b"http://") == Some(host);
        let began_here = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
        if headers.get_all(ORIGIN).iter().all(is_own) && headers.get_all(FETCH_SITE).iter().all(began_here) {
            return Ok(());
        }
        Err(Refused { status: StatusCode::FORBIDDEN, why: "pages of other sites get nothing here" })
    }

    /// The cookie to set, if the right token is shown.
    pub(crate) fn sign_in(&self, headers: &HeaderMap) -> Result<String, Refused> {
        if !only(headers, &TOKEN).is_some_and(|given| is_same(given.as_bytes(), &self.token)) {
            return Err(Refused {
                status: StatusCode::UNAUTHORIZED,
                why: "the token is not that of this scheduler: open the link that it printed",
            });
        }
        Ok(format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name, self.cookie))
    }

    /// Whether the request has the cookie.
    pub(crate) fn signed_in(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut ours = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == self.cookie_name).then_some(value)
        });
        if ours.any(|value| is_same(value.as_bytes(), &self.cookie)) {
            return Ok(());
        }
        Err(Refused {
            status: StatusCode::UNAUTHORIZED,
            why: "you are not signed in: open the link that the scheduler printed",
        })
    }

    /// Whether a host, as a request names it, is this server. A name that anybody could have registered never is.
    fn is_own(&self, host: &str) -> bool {
        let port = self.address.port();
        let own = self.address.ip();
        if let Some((name, given)) = host.rsplit_once(':')
            && name.eq_ignore_ascii_case("localhost")
        {
            return given.parse() == Ok(port) && (own.is_loopback() || own.is_unspecified());
        }
        let Ok(named) = host.parse::<SocketAddr>() else { return false };
        let ip = named.ip();
        named.port() == port && (ip == own || own.is_unspecified() || own.is_loopback() && ip.is_loopback())
    }
}

/// The header's value, if there is exactly one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        Guard::new(address.parse().unwrap(), &Token::random().unwrap())
    }

    #[test]
    fn only_the_very_host_and_port_are_answered() {
        let loopback = guard("127.0.0.1:8787");
        for own in ["127.0.0.1:8787", "[::1]:8787", "localhost:8787", "LOCALHOST:8787"] {
            assert!(loopback.is_own(own), "{own}");
        }
        for other in [
            "127.0.0.1",
            "127.0.0.1:8788",
            "localhost",
            "evil.example:8787",
            "10.0.0.1:8787",
            "",
            "localhost:8787:1",
            ":8787",
        ] {
            assert!(!loopback.is_own(other), "{other}");
        }
        let one = guard("10.0.0.1:8787");
        assert!(one.is_own("10.0.0.1:8787") && !one.is_own("localhost:8787") && !one.is_own("10.0.0.2:8787"));
        // No name can be bent into an address, so any address will do where all are listened at.
        let all = guard("0.0.0.0:8787");
        assert!(all.is_own("10.0.0.2:8787") && all.is_own("localhost:8787") && !all.is_own("evil.example:8787"));
        assert_eq!(all.host(), "127.0.0.1:8787");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let guard = guard("127.0.0.1:8787");
        let mut headers = HeaderMap::new();
        headers.insert(TOKEN, guard.token.parse().unwrap());
        let set = guard.sign_in(&headers).unwrap();
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
        let cookie = set.split(';').next().unwrap();
        headers.insert(COOKIE, format!("a=b; {cookie}; brisk-1=x").parse().unwrap());
        assert_eq!(guard.signed_in(&headers), Ok(()));
        // The token is no cookie, and another port's cookie is none of ours.
        for wrong in [format!("brisk-8787={}", guard.token), cookie.replace("8787", "8788"), format!("{cookie}0")] {
            headers.insert(COOKIE, wrong.parse().unwrap());
            assert_eq!(guard.signed_in(&headers).unwrap_err().status, StatusCode::UNAUTHORIZED, "{wrong}");
        }
        headers.append(TOKEN, guard.token.parse().unwrap());
        assert!(guard.sign_in(&headers).is_err(), "two tokens are none");
    }
}
