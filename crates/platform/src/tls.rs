//! One TLS configuration for the whole process: reading the machine's certificates takes some milliseconds, and clients are
//! made often, for each look at an environment.

use std::sync::OnceLock;

use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;

use pointsman_core::error::Problem;

/// The configuration, with the machine's certificates. Fails only if this machine cannot use TLS at all.
pub(crate) fn config() -> Result<ClientConfig, Problem> {
    static CONFIG: OnceLock<Result<ClientConfig, String>> = OnceLock::new();
    let made = CONFIG.get_or_init(|| {
        // Installing a provider twice fails, which is fine: the first one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = ClientConfig::builder().with_platform_verifier();
        Ok(builder.map_err(|error| error.to_string())?.with_no_client_auth())
    });
    made.clone().map_err(|why| Problem::new("no TLS can be made here").because(why))
}
