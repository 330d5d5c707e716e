//! Problems that App Hosting reports for the public domains (`docs/internals/app-hosting.md`, Resources).

use serde_json::Value;

use super::AppHosting;
use crate::google_api::wire::last_part;
use pointsman_core::ports::hosting::{DomainTrouble, HostingError, HostingReason, TroubleKind};
use pointsman_core::project::Target;

/// The states of a healthy custom domain. A default domain has none of these fields.
const WELL: [(&str, &str); 3] = [
    ("hostState", "HOST_ACTIVE"),
    ("ownershipState", "OWNERSHIP_ACTIVE"),
    ("certState", "CERT_ACTIVE"),
];

impl AppHosting {
    pub(super) async fn troubled_domains(
        &self,
        target: &Target,
    ) -> Result<Vec<DomainTrouble>, HostingError> {
        match self.list(target, "domain", &[]).await {
            Ok(domains) => Ok(domains.iter().filter_map(trouble).collect()),
            // The emulator has no domains, and neither does a missing backend.
            Err(error)
                if matches!(
                    error.reason,
                    HostingReason::NotFound | HostingReason::Unimplemented
                ) =>
            {
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

fn trouble(domain: &Value) -> Option<DomainTrouble> {
    let status = &domain["customDomainStatus"];
    let state = |key: &str| status[key].as_str().map(str::to_owned);
    let odd = WELL.iter().filter_map(|(key, well)| state(key).filter(|is| is != well));
    let mut odd: Vec<String> = odd.collect();
    // A default domain is disabled on purpose if customers should use another one.
    if domain["disabled"] == true && domain["type"] != "DEFAULT" {
        odd.push("disabled".to_owned());
    }
    if odd.is_empty() {
        return None;
    }
    let kind = match status["certState"].as_str() {
        Some("CERT_ACTIVE" | "CERT_EXPIRING_SOON" | "CERT_EXPIRED")
            if odd.iter().any(|word| breaks(word)) =>
        {
            TroubleKind::Broken
        }
        Some("CERT_EXPIRING_SOON") => TroubleKind::CertificateEnds,
        Some("CERT_ACTIVE") => TroubleKind::Odd,
        _ => TroubleKind::SetUp,
    };
    let host = last_part(&domain["name"]);
    Some(DomainTrouble { what: format!("domain {host} is {}", odd.join(", ")), kind })
}

/// States in which customers cannot reach the domain. Lost or conflicting ownership is one; an ownership check that
/// Google could not run, or a transfer, is not.
fn breaks(word: &str) -> bool {
    matches!(
        word,
        "HOST_UNHOSTED"
            | "HOST_UNREACHABLE"
            | "HOST_NON_FAH"
            | "HOST_CONFLICT"
            | "HOST_WRONG_SHARD"
            | "OWNERSHIP_MISSING"
            | "OWNERSHIP_MISMATCH"
            | "CERT_EXPIRED"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn domain_states_map_to_customer_impact() {
        let kind = |host: &str, owner: &str, certificate: Option<&str>| {
            let status = json!({
                "hostState": host, "ownershipState": owner, "certState": certificate,
            });
            let domain = json!({"name": "x/domains/a.example", "customDomainStatus": status});
            trouble(&domain).map(|trouble| trouble.kind)
        };
        let (host, owner) = ("HOST_ACTIVE", "OWNERSHIP_ACTIVE");
        assert_eq!(kind(host, owner, Some("CERT_ACTIVE")), None);
        for (host, owner, certificate) in [
            ("HOST_NON_FAH", owner, Some("CERT_ACTIVE")),
            (host, "OWNERSHIP_MISSING", Some("CERT_ACTIVE")),
            (host, owner, Some("CERT_EXPIRED")),
            ("HOST_UNHOSTED", owner, Some("CERT_EXPIRING_SOON")),
        ] {
            assert_eq!(kind(host, owner, certificate), Some(TroubleKind::Broken), "{host} {owner}");
        }
        let ends = Some(TroubleKind::CertificateEnds);
        assert_eq!(kind(host, owner, Some("CERT_EXPIRING_SOON")), ends);
        assert_eq!(kind(host, "OWNERSHIP_PENDING", Some("CERT_ACTIVE")), Some(TroubleKind::Odd));
        for certificate in [None, Some("CERT_STATE_UNSPECIFIED"), Some("CERT_VALIDATING")] {
            let new = kind("HOST_UNHOSTED", "OWNERSHIP_MISSING", certificate);
            assert_eq!(new, Some(TroubleKind::SetUp), "{certificate:?}");
        }
        let off = |of: &str| trouble(&json!({"name": "d", "type": of, "disabled": true}));
        assert_eq!(off("DEFAULT"), None);
        assert!(off("CUSTOM").is_some());
    }
}
