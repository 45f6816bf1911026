//! The probe `{{name}}`. The module `host` is .probity/zig/host.zig, which the build writes: everything that a probe may ask and answer is
//! declared there, with comments.
const host = @import("host");

/// Defined once: both stay as they are while this instance lives.
var answer: host.metrics_own_gauge_t = undefined;
var check: host.health_own_check_t = undefined;

/// Runs once in each instance.
export fn exports_collector_start(failure: *host.failure_own_failure_t) bool {
    var keys = [_]host.probity_string_t{text("asked_by")};
    var labels: host.probity_list_string_t = .{ .ptr = &keys, .len = keys.len };
    var name = text("{{metric}}_answer");
    var unit = text("");
    var help = text("The answer.");
    if (!host.metrics_static_gauge_define(&name, &unit, &help, &labels, &answer, failure)) return false;
    var id = text("answer");
    var title = text("There is an answer");
    return host.health_static_check_define(&id, &title, &check, failure);
}

/// Runs on schedule. What it sets counts only if it answers true.
export fn exports_collector_collect(failure: *host.failure_own_failure_t) bool {
    var key = text("who");
    var who: host.probity_string_t = undefined;
    const given = host.config_get(&key, &who);
    defer if (given) host.probity_string_free(&who);
    var values = [_]host.probity_string_t{if (given) who else text("nobody")};
    var labels: host.probity_list_string_t = .{ .ptr = &values, .len = values.len };
    if (!host.metrics_method_gauge_set(host.metrics_borrow_gauge(answer), &labels, 42, failure)) return false;
    var message = text("42");
    host.health_method_check_report(host.health_borrow_check(check), host.HEALTH_STATUS_PASS, &message);
    return true;
}

/// Text as the host wants it, borrowed for the call.
fn text(bytes: []const u8) host.probity_string_t {
    return .{ .ptr = @constCast(bytes.ptr), .len = bytes.len };
}
