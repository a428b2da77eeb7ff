//! What every transport must do, one function a property. Each panics if it does not.

mod closing;
mod connecting;
mod sending;

pub use closing::*;
pub use connecting::*;
pub use sending::*;

use super::harness::Harness;

macro_rules! list {
    ($($property:ident)*) => {
        /// Every property, by name.
        pub const PROPERTIES: &[(&str, fn(&dyn Harness))] = &[$((stringify!($property), $property)),*];
    };
}

list! {
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

/// Tests all properties, each with a harness of its own.
///
/// # Panics
/// If one does not hold. Its name is printed before it is tested.
pub fn run_all<H: Harness>(harness: impl Fn() -> H) {
    for (name, property) in PROPERTIES {
        println!("{name}");
        property(&harness());
    }
}
