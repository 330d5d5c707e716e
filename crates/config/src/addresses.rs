//! Checks the public addresses of services: well formed, each used by one service, and on the emulator one that it
//! can listen on.

use std::collections::BTreeMap;

use url::Url;

use super::rules::Rules;

/// The port in a service's address on the emulator. The error says what to write instead.
fn emulator_port(address: &str, url: &Url) -> Result<u16, String> {
    let port = url.port().filter(|port| *port != 0).unwrap_or(4000);
    let odd = |why: &str| Err(format!("{address}: {why}; write http://localhost:{port}"));
    match url.host_str() {
        Some("localhost" | "127.0.0.1") => {}
        Some("[::1]") => return odd("the emulator listens on 127.0.0.1"),
        _ => return Err(format!("{address} is not on this machine, the emulator is")),
    }
    if url.scheme() != "http" {
        return odd("the emulator speaks plain http");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return odd("an address on the emulator has no path and no query");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return odd("an address on the emulator has no user");
    }
    match url.port() {
        Some(0) => odd("port 0 is no port to ask"),
        Some(port) => Ok(port),
        None => odd("an address on the emulator names its port"),
    }
}

impl Rules<'_> {
    /// Checks the address of a service. `taken` maps the addresses of earlier services to their names.
    pub(super) fn public_address(
        &mut self,
        at: &[&str],
        (service, address): (&str, &str),
        on_emulator: bool,
        taken: &mut BTreeMap<String, String>,
    ) {
        let url = Url::parse(address).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(url) = url else {
            return self.say(at, format!("{address:?} is no http address"));
        };
        let key = if on_emulator {
            match emulator_port(address, &url) {
                // `localhost` and `127.0.0.1` with the same port are one address.
                Ok(port) => format!("port {port}"),
                Err(message) => return self.say(at, message),
            }
        } else {
            url.to_string()
        };
        if let Some(other) = taken.insert(key, service.to_owned()) {
            self.say(at, format!("{address} is the address of {other} already"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_an_address_the_emulator_cannot_serve() {
        let port = |address: &str| emulator_port(address, &Url::parse(address).unwrap());
        for address in ["http://localhost:4000", "http://127.0.0.1:4000/", "http://LOCALHOST:4000"]
        {
            assert_eq!(port(address), Ok(4000), "{address}");
        }
        for (address, why) in [
            ("http://localhost", "names its port"),
            ("http://localhost:0", "port 0"),
            ("http://localhost:4000/shop", "no path"),
            ("http://localhost:4000?x=1", "no path"),
            ("http://localhost:4000#x", "no path"),
            ("http://bob:pw@localhost:4000", "no user"),
            ("https://localhost:4000", "plain http"),
            ("http://[::1]:4000", "listens on 127.0.0.1"),
            ("http://shop.localhost:4000", "not on this machine"),
            ("http://example.com:4000", "not on this machine"),
        ] {
            let said = port(address).unwrap_err();
            assert!(said.contains(why), "{address}: {said}");
        }
    }
}
