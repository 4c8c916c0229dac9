//! What API Gateway sends and expects (HTTP API, payload format 2.0), as far as we need it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A request as it arrives. Unknown members are left alone: AWS adds some now and then.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    pub raw_path: String,
    pub raw_query_string: String,
    pub cookies: Vec<String>,
    pub headers: BTreeMap<String, String>,
    pub request_context: Context,
    pub body: Option<String>,
    pub is_base64_encoded: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Context {
    pub request_id: String,
    pub domain_name: String,
    pub http: Http,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http {
    pub method: String,
    pub source_ip: String,
}

/// An answer as API Gateway wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    pub status_code: u16,
    pub headers: BTreeMap<String, String>,
    pub cookies: Vec<String>,
    pub body: String,
    pub is_base64_encoded: bool,
}
