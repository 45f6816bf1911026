//! A probe in Zig: watches a small text file that holds one queue a line, `NAME DEPTH WAITED_SECONDS`.
//!
//!     probity build examples/zig
//!
//! The module `host` is .probity/zig/host.zig, which the build writes: everything that a probe may ask and
//! answer is declared there, with comments.
const std = @import("std");
const host = @import("host");

/// Everything that one call allocates, given back when the next one begins.
var arena: std.heap.ArenaAllocator = .init(std.heap.c_allocator);
const allocator = arena.allocator();
var threaded: std.Io.Threaded = .init_single_threaded;

/// What the configuration says, and what is defined once: both stay as they are while this instance lives.
const Probe = struct {
    file: []const u8,
    warn: f64,
    misbehave: ?Misbehaviour,
    depth: host.metrics_own_gauge_t,
    highest: host.metrics_own_gauge_t,
    polls: host.metrics_own_counter_t,
    wait: host.metrics_own_histogram_t,
    backlog: host.health_own_check_t,
};
var probe: Probe = undefined;

const Misbehaviour = enum { trap, spin, fail, flood };

/// Why the export that runs fails, once something returned `error.Failed`.
var failure: host.failure_own_failure_t = undefined;

export fn exports_collector_start(why: *host.failure_own_failure_t) bool {
    start() catch |problem| return explain(why, problem);
    return true;
}

export fn exports_collector_collect(why: *host.failure_own_failure_t) bool {
    _ = arena.reset(.retain_capacity);
    collect() catch |problem| return explain(why, problem);
    return true;
}

fn start() !void {
    try configure();
    var bounds = [_]f64{ 0.1, 1, 10, 60 };
    var buckets: host.probity_list_f64_t = .{ .ptr = &bounds, .len = bounds.len };
    try ok(host.metrics_static_gauge_define(text("queue_depth"), text(""), text("Entries that wait."), labels(&.{"queue"}), &probe.depth, &failure));
    try ok(host.metrics_static_gauge_define(text("queue_depth_highest"), text(""), text("Most entries that ever waited."), labels(&.{"queue"}), &probe.highest, &failure));
    try ok(host.metrics_static_counter_define(text("queue_polls_total"), text(""), text("Times the queues were read."), labels(&.{}), &probe.polls, &failure));
    try ok(host.metrics_static_histogram_define(text("queue_wait_seconds"), text("seconds"), text("How long entries waited."), labels(&.{}), &buckets, &probe.wait, &failure));
    try ok(host.health_static_check_define(text("backlog"), text("Queues are short"), &probe.backlog, &failure));
    try log("watching {s}", .{probe.file});
}

fn configure() !void {
    probe.file = config("file") orelse return fail(.bad_config, "`file` must be given: an absolute path", .{});
    if (!std.mem.startsWith(u8, probe.file, "/"))
        return fail(.bad_config, "`file` must be an absolute path, not \"{s}\"", .{probe.file});
    probe.warn = 100;
    if (config("warn")) |warn| {
        probe.warn = std.fmt.parseFloat(f64, warn) catch 0;
        if (!(probe.warn > 0)) return fail(.bad_config, "`warn` must be a number above 0, not \"{s}\"", .{warn});
    }
    probe.misbehave = null;
    if (config("misbehave")) |word| {
        probe.misbehave = std.meta.stringToEnum(Misbehaviour, word) orelse
            return fail(.bad_config, "`misbehave` must be trap, spin, fail or flood, not \"{s}\"", .{word});
    }
}

fn collect() !void {
    const content = try readFile(probe.file);
    var queues: u32 = 0;
    var longest: Queue = .{ .name = "", .depth = 0, .waited = 0 };
    var lines = std.mem.splitScalar(u8, content, '\n');
    var number: u32 = 0;
    while (lines.next()) |line| {
        number += 1;
        const queue = (parse(line) catch
            return fail(.unavailable, "{s}, line {d}: expected NAME DEPTH WAITED_SECONDS, such as mail 12 3.5", .{ probe.file, number })) orelse continue;
        queues += 1;
        if (queues == 1 or queue.depth > longest.depth) longest = queue;
        try ok(host.metrics_method_gauge_set(host.metrics_borrow_gauge(probe.depth), labels(&.{queue.name}), @floatFromInt(queue.depth), &failure));
        try ok(host.metrics_method_histogram_observe(host.metrics_borrow_histogram(probe.wait), labels(&.{}), queue.waited, &failure));
        try noteHighest(queue);
    }
    try ok(host.metrics_method_counter_add(host.metrics_borrow_counter(probe.polls), labels(&.{}), 1, &failure));
    try report(queues, longest);
    if (probe.misbehave) |wrong| try misbehave(wrong);
}

const Queue = struct { name: []const u8, depth: u32, waited: f64 };

/// One line's queue; null for a line without one.
fn parse(line: []const u8) !?Queue {
    var words = std.mem.tokenizeAny(u8, line, " \t\r");
    const name = words.next() orelse return null;
    if (name[0] == '#') return null;
    const queue: Queue = .{
        .name = name,
        .depth = try std.fmt.parseInt(u32, words.next() orelse return error.Missing, 10),
        .waited = try std.fmt.parseFloat(f64, words.next() orelse return error.Missing),
    };
    if (words.next() != null or !(queue.waited >= 0)) return error.Unexpected;
    return queue;
}

/// Writes the highest depth that this queue ever had, which outlives traps, reloads and restarts.
fn noteHighest(queue: Queue) !void {
    var highest: u32 = 0;
    const key = try std.fmt.allocPrint(allocator, "highest/{s}", .{queue.name});
    var kept: host.probity_string_t = undefined;
    if (host.state_get_text(text(key), &kept)) {
        defer host.probity_string_free(&kept);
        highest = std.fmt.parseInt(u32, kept.ptr[0..kept.len], 10) catch 0;
    }
    if (queue.depth > highest) {
        highest = queue.depth;
        try ok(host.state_put_text(text(key), text(try std.fmt.allocPrint(allocator, "{d}", .{highest})), &failure));
    }
    try ok(host.metrics_method_gauge_set(host.metrics_borrow_gauge(probe.highest), labels(&.{queue.name}), @floatFromInt(highest), &failure));
}

fn report(queues: u32, longest: Queue) !void {
    const warns = queues > 0 and @as(f64, @floatFromInt(longest.depth)) >= probe.warn;
    const message = if (queues == 0)
        "no queues"
    else if (warns)
        try std.fmt.allocPrint(allocator, "{s} has {d}: warns from {d}", .{ longest.name, longest.depth, probe.warn })
    else
        try std.fmt.allocPrint(allocator, "{d} queue{s}, the longest is {s} with {d}", .{ queues, if (queues == 1) "" else "s", longest.name, longest.depth });
    const status: host.health_status_t = if (warns) host.HEALTH_STATUS_WARN else host.HEALTH_STATUS_PASS;
    host.health_method_check_report(host.health_borrow_check(probe.backlog), status, text(message));
}

/// Does wrong on purpose what the configuration asks for: what the conformance suite needs, and no other probe.
fn misbehave(wrong: Misbehaviour) !void {
    switch (wrong) {
        .trap => @trap(),
        .spin => while (true) std.mem.doNotOptimizeAway(wrong),
        .fail => return fail(.other, "asked to fail", .{}),
        .flood => for (0..20) |_| try log("flooding", .{}),
    }
}

/// The file's bytes. Each granted folder, and the folder of each granted file, is open under its path: the one that leads
/// closest to the file has it.
fn readFile(path: []const u8) ![]u8 {
    const folders: std.process.Preopens = try .init(allocator);
    var closest: ?[]const u8 = null;
    for (folders.map.keys()) |folder| {
        if (leadsTo(folder, path) and (closest == null or folder.len > closest.?.len)) closest = folder;
    }
    if (closest) |folder| {
        const rest = std.mem.trimStart(u8, path[folder.len..], "/");
        const way = if (rest.len == 0) "." else rest;
        const dir = folders.get(folder).?.dir;
        if (dir.readFileAlloc(threaded.io(), way, allocator, .limited(1 << 20))) |content| {
            return content;
        } else |problem| switch (problem) {
            error.AccessDenied, error.PermissionDenied => {},
            else => return fail(.unavailable, "{s}: {t}", .{ path, problem }),
        }
    }
    return fail(.denied, "{s} is not granted: add grant = {{ read = [\"{s}\"] }}", .{ path, path });
}

/// Whether a path is a folder's or lies below it; `/a-b` does not lie below `/a`.
fn leadsTo(folder: []const u8, path: []const u8) bool {
    if (!std.mem.startsWith(u8, path, folder)) return false;
    return path.len == folder.len or std.mem.endsWith(u8, folder, "/") or path[folder.len] == '/';
}

/// The value of a key. It stays allocated: it is read once an instance.
fn config(key: []const u8) ?[]const u8 {
    var value: host.probity_string_t = undefined;
    return if (host.config_get(text(key), &value)) value.ptr[0..value.len] else null;
}

fn log(comptime format: []const u8, arguments: anytype) !void {
    host.log_log(host.LOG_LEVEL_INFO, text(try std.fmt.allocPrint(allocator, format, arguments)));
}

/// Text as the host wants it, borrowed until the next call begins.
fn text(bytes: []const u8) *host.probity_string_t {
    const made = allocator.create(host.probity_string_t) catch @panic("out of memory");
    made.* = .{ .ptr = @constCast(bytes.ptr), .len = bytes.len };
    return made;
}

/// Label keys or values, as the host wants them. An empty list must be a null pointer.
fn labels(values: []const []const u8) *host.probity_list_string_t {
    const texts = allocator.alloc(host.probity_string_t, values.len) catch @panic("out of memory");
    for (values, texts) |value, *made| made.* = .{ .ptr = @constCast(value.ptr), .len = value.len };
    const list = allocator.create(host.probity_list_string_t) catch @panic("out of memory");
    list.* = .{ .ptr = if (values.len == 0) null else texts.ptr, .len = values.len };
    return list;
}

/// What a call answered, as an error: it left its reason in `failure`.
fn ok(answer: bool) error{Failed}!void {
    if (!answer) return error.Failed;
}

const Reason = enum { bad_config, denied, unavailable, other };

/// Fails for a reason of ours.
fn fail(reason: Reason, comptime format: []const u8, arguments: anytype) error{Failed} {
    const message = text(std.fmt.allocPrint(allocator, format, arguments) catch @panic("out of memory"));
    failure = switch (reason) {
        .bad_config => host.failure_static_failure_bad_config(message),
        .denied => host.failure_static_failure_denied(message),
        .unavailable => host.failure_static_failure_unavailable(message),
        .other => host.failure_static_failure_other(message),
    };
    return error.Failed;
}

fn explain(why: *host.failure_own_failure_t, problem: anyerror) bool {
    if (problem != error.Failed) fail(.other, "{t}", .{problem}) catch {};
    why.* = failure;
    return false;
}
