//! For tests: the conformance suite that every transport must pass, and the pieces it is made of.
//!
//! A transport implements [`Harness`] and has all properties tested with
//! [`transport_conformance!`](crate::transport_conformance). The suite brings its own way to wait for futures
//! ([`block_on`]): that a transport's futures work under it shows that they need no runtime of the caller's.
//!
//! Unlike the rest of this crate it reads clocks and starts threads. Nothing here waits without a deadline.

mod executor;
mod harness;
mod inbox;
mod pair;
pub mod properties;
mod samples;

pub use executor::{DEADLINE, block_on, block_on_for};
pub use harness::{Harness, Vanish};
pub use inbox::{Received, RecordingInbox};
pub use pair::{Pair, accept, client_hello, connect, data_hello, worker_hello};
pub use properties::{PROPERTIES, run_all};
pub use samples::{number_of, numbered, numbered_with, reply, value_batch};

/// Makes a test of each property of [`PROPERTIES`], each with a harness of its own.
///
/// ```ignore
/// brisk_core::transport_conformance!(MyHarness::new());
/// ```
#[macro_export]
macro_rules! transport_conformance {
    ($harness:expr) => {
        $crate::transport_conformance! { @tests $harness;
            batches_of_each_sender_arrive_in_order
            batches_arrive_whole
            a_batch_beyond_the_limits_is_unsendable_and_the_connection_goes_on
            held_permits_stop_the_sender_and_dropped_ones_let_it_go_on
            a_receiver_that_is_full_holds_up_no_other
            an_inbox_may_send_and_close_while_it_is_delivered_to
            what_was_sent_before_a_close_arrives
            a_batch_that_races_a_close_arrives_or_is_given_back
            a_close_is_heard_once_on_both_sides
            both_sides_may_close_at_once
            a_close_ends_every_wait_for_room
            a_dropped_end_closes_the_connection
            a_peer_that_vanishes_is_noticed
            another_protocol_is_refused_in_words
            a_role_that_is_not_certified_is_refused
            a_refusal_is_heard_by_the_caller
            nobody_is_unreachable_at_once
            an_address_of_another_transport_is_foreign
            an_unanswered_caller_holds_up_no_other
            a_caller_that_gives_up_leaves_nothing_behind
            a_cancelled_accept_loses_nobody
            a_closed_listener_keeps_its_connections
            many_peers_at_once
            a_long_value_does_not_hold_up_a_short_one
        }
    };
    (@tests $harness:expr; $($property:ident)*) => {
        $(
            #[test]
            fn $property() {
                $crate::testing::properties::$property(&$harness);
            }
        )*

        #[test]
        fn every_property_has_a_test() {
            let tested: &[&str] = &[$(stringify!($property)),*];
            let all: Vec<&str> = $crate::testing::PROPERTIES.iter().map(|(name, _)| *name).collect();
            assert_eq!(tested, all);
        }
    };
}
