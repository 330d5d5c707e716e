//! Ways to reach GREEN before it has traffic, where the platform gives no address by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::ids::BuildId;

/// How every tag of Pointsman's begins. Other tags are never touched.
pub const TAG_PREFIX: &str = "pm-";

/// A way to get a preview address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PreviewBy {
    /// A tag without traffic at the Cloud Run service below the backend, from the build to the end of the run.
    CloudRunTag,
}

/// The tag of a build: short, because it becomes a part of a DNS label.
pub fn preview_tag(build: &BuildId) -> String {
    let hash = Hash::of(build.as_str().as_bytes()).to_string();
    format!("{TAG_PREFIX}{}", hash.chars().take(8).collect::<String>())
}
