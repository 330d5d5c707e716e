//! Checks `vpcAccess`: one connection to a network, named by an id or by its full name.

use super::text;
use crate::finding::Finding;
use crate::node::{Node, Value};

/// Reports everything that Google's checker rejects in it.
pub(super) fn network(access: &Node, found: &mut Vec<Finding>) {
    if matches!(access.value, Value::Null) {
        return;
    }
    let connector = access.get("connector").and_then(text).filter(|id| !id.is_empty());
    let interfaces = access.get("networkInterfaces").map(|node| (node, items(node)));
    let interfaces = interfaces.filter(|(_, items)| !items.is_empty());
    match (&connector, &interfaces) {
        (None, None) => {
            let why = "vpcAccess needs connector or networkInterfaces";
            found.push(Finding::new(access.place, why));
        }
        (Some(_), Some((node, _))) => {
            let why = "connector and networkInterfaces cannot both be set";
            found.push(Finding::new(node.place, why));
        }
        _ => {}
    }
    named(access, "connector", ["locations", "connectors"], found);
    for interface in interfaces.iter().flat_map(|(_, items)| *items) {
        let set = |key: &str| interface.get(key).and_then(text).is_some_and(|id| !id.is_empty());
        if !set("network") && !set("subnetwork") {
            let why = "an item of networkInterfaces needs network or subnetwork";
            found.push(Finding::new(interface.place, why));
        }
        named(interface, "network", ["global", "networks"], found);
        named(interface, "subnetwork", ["regions", "subnetworks"], found);
    }
    let egress = access.get("egress").and_then(|node| Some((node, text(node)?)));
    if let Some((node, word)) = egress
        && !["", "ALL_TRAFFIC", "PRIVATE_RANGES_ONLY"].contains(&word.as_str())
    {
        let finding = Finding::new(node.place, format!("egress cannot be {word:?}"));
        found.push(finding.hint("one of: ALL_TRAFFIC, PRIVATE_RANGES_ONLY"));
    }
}

fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => &[],
    }
}

/// Checks a resource name: an id, or `projects/P/…`. The names of global resources have no location.
fn named(of: &Node, key: &str, [place, kind]: [&str; 2], found: &mut Vec<Finding>) {
    let Some((node, name)) = of.get(key).and_then(|node| Some((node, text(node)?))) else { return };
    let parts: Vec<&str> = name.split('/').collect();
    let right = match parts[..] {
        [_] => true,
        ["projects", project, "global", collection, id] if place == "global" => {
            !project.is_empty() && collection == kind && !id.is_empty()
        }
        ["projects", project, kind_of_place, at, collection, id] => {
            kind_of_place == place
                && collection == kind
                && [project, at, id].iter().all(|part| !part.is_empty())
        }
        _ => false,
    };
    if !right {
        let whole = match place {
            "global" => format!("projects/PROJECT/global/{kind}/ID"),
            _ => format!("projects/PROJECT/{place}/REGION/{kind}/ID"),
        };
        let finding = Finding::new(node.place, format!("{key} {name:?} is no id and no full name"));
        found.push(finding.hint(format!("an id, or {whole}")));
    }
}
