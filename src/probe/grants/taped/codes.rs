//! WASI's error codes by their names.

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode as FileCode;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode as SocketCode;

macro_rules! codes {
    ($type:ident, $name:ident, $code:ident, $is:ident: $($text:literal => $variant:ident,)+) => {
        /// The name of a code, as the interface writes it.
        pub(super) fn $name(code: $type) -> &'static str {
            match code { $($type::$variant => $text,)+ }
        }

        /// The code of a name.
        pub(super) fn $code(name: &str) -> Option<$type> {
            match name { $($text => Some($type::$variant),)+ _ => None }
        }

        /// Whether a code has this name.
        pub(in crate::probe) fn $is(name: &str) -> bool {
            $code(name).is_some()
        }
    };
}

codes! { FileCode, file_name, file_code, is_file_error:
    "access" => Access,
    "would-block" => WouldBlock,
    "already" => Already,
    "bad-descriptor" => BadDescriptor,
    "busy" => Busy,
    "deadlock" => Deadlock,
    "quota" => Quota,
    "exist" => Exist,
    "file-too-large" => FileTooLarge,
    "illegal-byte-sequence" => IllegalByteSequence,
    "in-progress" => InProgress,
    "interrupted" => Interrupted,
    "invalid" => Invalid,
    "io" => Io,
    "is-directory" => IsDirectory,
    "loop" => Loop,
    "too-many-links" => TooManyLinks,
    "message-size" => MessageSize,
    "name-too-long" => NameTooLong,
    "no-device" => NoDevice,
    "no-entry" => NoEntry,
    "no-lock" => NoLock,
    "insufficient-memory" => InsufficientMemory,
    "insufficient-space" => InsufficientSpace,
    "not-directory" => NotDirectory,
    "not-empty" => NotEmpty,
    "not-recoverable" => NotRecoverable,
    "unsupported" => Unsupported,
    "no-tty" => NoTty,
    "no-such-device" => NoSuchDevice,
    "overflow" => Overflow,
    "not-permitted" => NotPermitted,
    "pipe" => Pipe,
    "read-only" => ReadOnly,
    "invalid-seek" => InvalidSeek,
    "text-file-busy" => TextFileBusy,
    "cross-device" => CrossDevice,
}

codes! { SocketCode, socket_name, socket_code, is_socket_error:
    "unknown" => Unknown,
    "access-denied" => AccessDenied,
    "not-supported" => NotSupported,
    "invalid-argument" => InvalidArgument,
    "out-of-memory" => OutOfMemory,
    "timeout" => Timeout,
    "concurrency-conflict" => ConcurrencyConflict,
    "not-in-progress" => NotInProgress,
    "would-block" => WouldBlock,
    "invalid-state" => InvalidState,
    "new-socket-limit" => NewSocketLimit,
    "address-not-bindable" => AddressNotBindable,
    "address-in-use" => AddressInUse,
    "remote-unreachable" => RemoteUnreachable,
    "connection-refused" => ConnectionRefused,
    "connection-reset" => ConnectionReset,
    "connection-aborted" => ConnectionAborted,
    "datagram-too-large" => DatagramTooLarge,
    "name-unresolvable" => NameUnresolvable,
    "temporary-resolver-failure" => TemporaryResolverFailure,
    "permanent-resolver-failure" => PermanentResolverFailure,
}
