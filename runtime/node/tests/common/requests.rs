//! What every answer to a request has to be, whatever the request.

use lockstep_node::Server;
use serde_json::Value;

/// A text is no request, or is answered with a result or an error of JSON-RPC, and never with one
/// that says that the node is at fault. True if there is a result.
pub(crate) fn assert_answered(server: &Server, text: &str) -> bool {
    let Ok(answer) = server.answer(text) else {
        return false;
    };
    let shown = || format!("{text}\n{answer}");
    let value: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{}", shown()));
    assert_eq!(value["jsonrpc"], "2.0", "{}", shown());
    let error = &value["error"];
    if error.is_null() {
        assert!(value.get("result").is_some(), "{}", shown());
        return true;
    }
    assert!(error["code"].is_i64(), "{}", shown());
    assert!(error["message"].is_string(), "{}", shown());
    assert_ne!(error["code"], -32_603, "an internal error: {}", shown());
    false
}
