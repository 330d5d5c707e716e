//! The keys of a migration's file, `<version>_<slug>.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use pointsman_core::migration::ValueType;

/// The effect of a migration on running code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PhaseConfig {
    /// Adds: old and new code both work. Runs before a build gets traffic.
    Expand,
    /// Moves data: old and new code both work. Runs before a build gets traffic.
    Migrate,
    /// Takes away: old code stops working. Runs in a clean-up.
    Contract,
}

/// Whether a migration can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReversibilityConfig {
    /// Nothing is lost.
    Full,
    /// Data written since is lost.
    DataLoss,
    /// It cannot be undone.
    None,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MigrationConfig {
    /// One line for people.
    pub description: String,
    /// Its effect on running code.
    pub phase: PhaseConfig,
    /// Whether it can be undone.
    pub reversibility: ReversibilityConfig,
    /// The operations, in order.
    pub up: Vec<OperationConfig>,
    /// The operations that undo it, in order.
    #[serde(default)]
    pub down: Vec<OperationConfig>,
}

/// One act. Exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OperationConfig {
    /// Makes a document that must not be there yet.
    pub create: Option<CreateConfig>,
    /// Deletes a document.
    pub delete: Option<DeleteConfig>,
    /// Sets fields where they are missing.
    pub set_missing: Option<SetConfig>,
    /// Sets fields.
    pub set: Option<SetConfig>,
    /// Moves a field's value to another field.
    pub rename: Option<MoveConfig>,
    /// Copies a field's value to another field.
    pub copy: Option<MoveConfig>,
    /// Takes fields away.
    pub remove: Option<RemoveConfig>,
    /// Sets a field to a text made of others.
    pub template: Option<TemplateConfig>,
    /// Changes the type of a field's value.
    pub convert: Option<ConvertConfig>,
    /// Adds to a number.
    pub increment: Option<IncrementConfig>,
    /// Deletes every document of a collection. Collections below them stay.
    pub delete_collection: Option<CollectionConfig>,
    /// Creates a composite index, and waits until queries can use it.
    pub index: Option<IndexConfig>,
    /// Deletes a composite index. In `up` only where `phase` is contract: queries that need it fail from then on.
    pub delete_index: Option<IndexConfig>,
    /// Deletes documents when the time in one of their fields has passed (TTL). Waits until that is active.
    pub ttl: Option<TtlConfig>,
    /// Ends that. Documents that are gone stay gone.
    pub delete_ttl: Option<TtlConfig>,
    /// Program and arguments of the team's own.
    pub run: Option<Vec<String>>,
}

/// A composite index, named by its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexConfig {
    /// Collections of this name, wherever they are, each for itself.
    #[serde(default, rename = "in")]
    pub collection: Option<String>,
    /// Collections of this name, for queries of all of them at once.
    #[serde(default, rename = "in_every")]
    pub group: Option<String>,
    /// Its fields, in order.
    pub fields: Vec<IndexFieldConfig>,
}

/// A field of an index. Without more than its name it is ascending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexFieldConfig {
    /// The field.
    pub field: String,
    /// Its order.
    #[serde(default)]
    pub order: Option<OrderConfig>,
    /// Dimension of a vector.
    #[serde(default)]
    pub vector: Option<u32>,
}

/// How an index orders a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderConfig {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
    /// For `array-contains`.
    Contains,
}

/// A field whose time deletes its document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TtlConfig {
    /// Collections of this name, wherever they are.
    #[serde(rename = "in_every")]
    pub group: String,
    /// The field that holds the time.
    pub field: String,
}

/// A document to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateConfig {
    /// Its path: `settings/roles`.
    pub document: String,
    /// The fields of the document.
    pub fields: BTreeMap<String, Value>,
}

/// A document to delete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteConfig {
    /// Its path.
    pub document: String,
}

/// A condition on a document. One of the three.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionConfig {
    /// The field.
    pub field: String,
    /// It has this value.
    #[serde(default)]
    pub equals: Option<Value>,
    /// It is there and has another value.
    #[serde(default)]
    pub differs: Option<Value>,
    /// Whether it is there.
    #[serde(default)]
    pub exists: Option<bool>,
}

macro_rules! scoped {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The collection: `users`, `users/u1/orders`.
            #[serde(default, rename = "in")]
            pub collection: Option<String>,
            /// Every collection of this name, at any depth.
            #[serde(default, rename = "in_every")]
            pub group: Option<String>,
            /// Only documents for which each of these holds.
            #[serde(default, rename = "where")]
            pub filter: Vec<ConditionConfig>,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// Its collection, its group, its conditions.
            pub fn scope(&self) -> (Option<&String>, Option<&String>, &[ConditionConfig]) {
                (self.collection.as_ref(), self.group.as_ref(), &self.filter)
            }
        }
    };
}

scoped!(
    /// Fields to set.
    SetConfig {
        /// Their values. Types that YAML lacks are written as in Firestore: `{ timestampValue: … }`.
        fields: BTreeMap<String, Value>,
    }
);
scoped!(
    /// A field to move or copy.
    MoveConfig {
        /// From here.
        from: String,
        /// To here.
        to: String,
    }
);
scoped!(
    /// Fields to take away.
    RemoveConfig {
        /// Which.
        fields: Vec<String>,
    }
);
scoped!(
    /// A text to make.
    TemplateConfig {
        /// The new field.
        field: String,
        /// The text, fields in braces: `{first} {last}`.
        text: String,
    }
);
scoped!(
    /// A type to change.
    ConvertConfig {
        /// The field.
        field: String,
        /// The target type.
        to: ValueType,
    }
);
scoped!(
    /// A number to add to.
    IncrementConfig {
        /// The field.
        field: String,
        /// The amount.
        by: i64,
    }
);
scoped!(
    /// A collection.
    CollectionConfig {}
);
