//! Selects proxies by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, as git and gcloud do. Never uses a
//! proxy for this machine, whatever the variables say.

#![expect(clippy::disallowed_methods, reason = "proxies are configured by these variables")]

use reqwest::{ClientBuilder, NoProxy, Proxy, Url};

use super::http::chain;
use pointsman_core::error::Problem;
use pointsman_core::redact::know;

/// The addresses of this machine, as a `NO_PROXY` list.
const HERE: &str = "localhost,127.0.0.0/8,::1";

/// A proxy, and the variable that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    variable: &'static str,
    /// The proxy's URL, or why it cannot be used.
    url: Result<Url, String>,
}

/// The proxies named by the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    https: Option<Named>,
    http: Option<Named>,
    /// The hosts to reach without a proxy.
    except: String,
}

impl Proxies {
    /// Reads the proxies from this process's environment.
    pub fn of_environment() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let address = variable(name).filter(|address| !address.trim().is_empty())?;
                Some(Named { variable: name, url: url_of(address.trim()) })
            })
        };
        let named = |name| variable(name).filter(|hosts: &String| !hosts.trim().is_empty());
        let except = ["NO_PROXY", "no_proxy"].into_iter().find_map(named);
        Self {
            https: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            // Prefer lower case: in a CGI program, `HTTP_PROXY` may be a header of the request.
            http: first(&["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"]),
            except: except.unwrap_or_default(),
        }
    }

    /// Configures a client with the proxies. Leaves out an unusable one, which must not prevent requests to this
    /// machine.
    pub fn given(&self, builder: ClientBuilder) -> ClientBuilder {
        // With the library's own handling of the environment, requests to this machine would go through a proxy.
        let mut builder = builder.no_proxy();
        let except = NoProxy::from_string(&format!("{},{HERE}", self.except));
        let kinds = [(&self.https, Proxy::https as fn(Url) -> _), (&self.http, Proxy::http)];
        for (named, kind) in kinds {
            let Some(named) = named else { continue };
            let proxy = named.url.clone().and_then(|url| {
                url.password().into_iter().for_each(know);
                kind(url).map_err(|error: reqwest::Error| chain(&error))
            });
            match proxy {
                Ok(proxy) => builder = builder.proxy(proxy.no_proxy(except.clone())),
                Err(why) => tracing::warn!(variable = named.variable, why, "a proxy is left out"),
            }
        }
        builder
    }

    /// Fails for the first variable that names an unusable proxy.
    pub fn check(&self) -> Result<(), Problem> {
        for named in [&self.https, &self.http].into_iter().flatten() {
            named.url.as_ref().map_err(|why| {
                Problem::new(format!("{} names no proxy that can be used", named.variable))
                    .because(format!("{why}; requests use none"))
                    .try_this("http://HOST:PORT is one")
            })?;
        }
        Ok(())
    }

    /// Describes the proxies in words, without passwords.
    pub fn told(&self) -> String {
        let told = |named: &Option<Named>, scheme: &str| {
            let named = named.as_ref()?;
            let host = match &named.url {
                Ok(url) => {
                    let port = url.port_or_known_default().unwrap_or(80);
                    format!("{}:{port}", url.host_str().unwrap_or("-"))
                }
                Err(_) => "what is no address".to_owned(),
            };
            Some(format!("{scheme} through {host} ({})", named.variable))
        };
        let all: Vec<_> =
            [told(&self.https, "https"), told(&self.http, "http")].into_iter().flatten().collect();
        if all.is_empty() {
            return "none is set".to_owned();
        }
        let except = if self.except.is_empty() { "" } else { ", and what NO_PROXY names" };
        format!("{}; never for this machine{except}; probes go straight", all.join(", "))
    }
}

fn url_of(address: &str) -> Result<Url, String> {
    let whole =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let url = Url::parse(&whole).map_err(|e| e.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("{other} proxies are not spoken to")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Proxies {
        let set: Vec<(String, String)> =
            set.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Proxies::of(|name| set.iter().find(|(known, _)| known == name).map(|(_, v)| v.clone()))
    }

    #[test]
    fn proxy_variables_by_scheme_without_passwords() {
        assert_eq!(of(&[]).told(), "none is set");
        let set = [("HTTPS_PROXY", "http://bob:pw@proxy:3128"), ("NO_PROXY", "internal")];
        let told = of(&set).told();
        assert!(told.starts_with("https through proxy:3128 (HTTPS_PROXY); never for"), "{told}");
        assert!(!told.contains("pw"), "{told}");
        assert!(of(&[("ALL_PROXY", "proxy:1")]).told().contains("http through proxy:1"));
    }

    #[test]
    fn unusable_proxies_are_named() {
        let refused = of(&[("HTTPS_PROXY", "socks5://proxy:1080")]);
        let problem = refused.check().unwrap_err();
        assert!(problem.what.contains("HTTPS_PROXY"), "{problem}");
        assert!(of(&[("HTTPS_PROXY", "https://proxy")]).told().contains("proxy:443"));
        let set = [("NO_PROXY", ""), ("no_proxy", "internal"), ("HTTPS_PROXY", "proxy:1")];
        assert!(of(&set).told().contains("NO_PROXY names"));
    }
}
