//! A small probe of the golden corpus: a gauge with a label, a counter, a check, state.
const host = @import("host");

var gauge: host.metrics_own_gauge_t = undefined;
var counter: host.metrics_own_counter_t = undefined;
var check: host.health_own_check_t = undefined;

fn text(comptime bytes: []const u8) host.probity_string_t {
    return .{ .ptr = @constCast(bytes.ptr), .len = bytes.len };
}

export fn exports_collector_start(why: *host.failure_own_failure_t) bool {
    var keys = [_]host.probity_string_t{text("queue")};
    var labels: host.probity_list_string_t = .{ .ptr = &keys, .len = 1 };
    var none: host.probity_list_string_t = .{ .ptr = null, .len = 0 };
    var name = text("golden_depth");
    var total = text("golden_runs_total");
    var unit = text("");
    var help = text("Help.");
    var id = text("golden");
    var line = text("watching nothing");
    host.log_log(host.LOG_LEVEL_INFO, &line);
    return host.metrics_static_gauge_define(&name, &unit, &help, &labels, &gauge, why) and
        host.metrics_static_counter_define(&total, &unit, &help, &none, &counter, why) and
        host.health_static_check_define(&id, &help, &check, why);
}

export fn exports_collector_collect(why: *host.failure_own_failure_t) bool {
    var values = [_]host.probity_string_t{text("mail")};
    var labels: host.probity_list_string_t = .{ .ptr = &values, .len = 1 };
    var none: host.probity_list_string_t = .{ .ptr = null, .len = 0 };
    var message = text("all is well");
    var key = text("seen");
    host.health_method_check_report(host.health_borrow_check(check), host.HEALTH_STATUS_PASS, &message);
    return host.metrics_method_gauge_set(host.metrics_borrow_gauge(gauge), &labels, 7, why) and
        host.metrics_method_counter_add(host.metrics_borrow_counter(counter), &none, 1, why) and
        host.state_put_text(&key, &message, why);
}
