//! Which proxy a request goes through: what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say, as for git
//! and gcloud; and never one for this machine, whatever they say.

use reqwest::{ClientBuilder, NoProxy, Proxy, Url};

use super::http::chain;
use crate::domain::error::Problem;
use crate::domain::redact::know;

/// What is on this machine.
const HERE: &str = "localhost,127.0.0.0/8,::1";

/// A proxy, and the variable that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    variable: &'static str,
    address: String,
}

/// The proxies that the environment names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    https: Option<Named>,
    http: Option<Named>,
    /// The hosts that use none.
    except: String,
}

impl Proxies {
    /// Those of this process's environment.
    pub fn of_environment() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let address = variable(name).filter(|address| !address.trim().is_empty())?;
                Some(Named { variable: name, address: address.trim().to_owned() })
            })
        };
        let except = ["NO_PROXY", "no_proxy"].into_iter().find_map(&variable);
        Self {
            https: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            // The one in capitals may be a header of a request to a CGI program.
            http: first(&["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"]),
            except: except.unwrap_or_default(),
        }
    }

    /// Gives them to a client.
    pub fn given(&self, builder: ClientBuilder) -> Result<ClientBuilder, Problem> {
        // The library's own reading of the environment would ask a proxy for this machine.
        let mut builder = builder.no_proxy();
        let except = NoProxy::from_string(&format!("{},{HERE}", self.except));
        let kinds = [(&self.https, Proxy::https as fn(Url) -> _), (&self.http, Proxy::http)];
        for (named, kind) in kinds {
            let Some(named) = named else { continue };
            let refused = |why: String| {
                let what = format!("{} names no proxy that can be used", named.variable);
                Problem::new(what).because(why).try_this("http://HOST:PORT is one")
            };
            let url = url_of(&named.address).map_err(refused)?;
            url.password().into_iter().for_each(know);
            let proxy = kind(url).map_err(|e: reqwest::Error| refused(chain(&e)))?;
            builder = builder.proxy(proxy.no_proxy(except.clone()));
        }
        Ok(builder)
    }

    /// In words, without what may be a password.
    pub fn told(&self) -> String {
        let told = |named: &Option<Named>, scheme: &str| {
            let named = named.as_ref()?;
            let url = url_of(&named.address).ok();
            let host = url.map_or_else(
                || "what is no address".to_owned(),
                |url| format!("{}:{}", url.host_str().unwrap_or("-"), url.port().unwrap_or(80)),
            );
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
    fn each_scheme_has_its_variable_and_no_password_is_told() {
        assert_eq!(of(&[]).told(), "none is set");
        let set = [("HTTPS_PROXY", "http://bob:pw@proxy:3128"), ("NO_PROXY", "internal")];
        let told = of(&set).told();
        assert!(told.starts_with("https through proxy:3128 (HTTPS_PROXY); never for"), "{told}");
        assert!(!told.contains("pw"), "{told}");
        assert!(of(&[("ALL_PROXY", "proxy:1")]).told().contains("http through proxy:1"));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let refused = of(&[("HTTPS_PROXY", "socks5://proxy:1080")]);
        let problem = refused.given(reqwest::Client::builder()).unwrap_err();
        assert!(problem.what.contains("HTTPS_PROXY"), "{problem}");
    }
}
