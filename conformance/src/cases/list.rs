//! The one list of cases: of the names, of what each proves, and of the rules of `docs/wire.md` that each holds.

/// Hands the list of cases to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_case {
    ($callback:path $(, $context:ident)?) => {
        $callback! { $($context:)?

envelopes {
    request_entry [K1 K2 E1 E5] "a request is an entry of type, envelope and reply-to, with a JSON-RPC 2.0 request as its envelope"
    notification_entry [E2 E6] "a notification has neither reply-to nor id"
    reply_entry [K2 E3 E7] "a reply is an entry of type and envelope, with the id and the result"
    error_entry [E8] "an error has a code, a message, and data even when there is none"
    ids_are_echoed [E9] "an id comes back byte for byte, whatever string or number it is"
    call_ids_never_repeat [E5] "no two calls have the same id, not even in two lives of one instance"
    fields_are_found_by_name [E4] "a request is understood whatever the order of its fields, with unknown ones, and without a type"
    foreign_json_is_understood [E11 E12] "requests with white space, escapes, another order of names and floats are understood"
    foreign_replies_are_understood [E11 E18] "replies with white space, an error without data, and a code that is a float are understood"
    values_go_there_and_back [E12] "numbers, texts and nested values come back as they were sent"
    prefixes_are_literal [K4 K3] "a prefix with slashes, colons, braces, spaces and wildcards is taken as it is"
    prefixes_never_meet [K5] "clients and servers under different prefixes don't see each other"
    instances_are_named [K3 K6] "an instance id that is set names reply stream and consumer; else each has a random UUID"
}

errors {
    unknown_method [F1] "a method that isn't there is -32601, with hyphens in its name too, and known methods go on"
    params_that_do_not_fit [F2 E13] "params that don't fit are -32602 and say where"
    error_of_a_handler [F3] "an RPC error of a handler arrives with its code, message and data"
    ordinary_error [F4] "any other error of a handler is -32603 with its name and message"
    panics [F4] "a handler that panics, at once or later, is -32603 for its caller and nothing for anybody else"
    result_that_is_no_json [F5] "a result that can't be written as JSON is -32603"
    request_to_a_notification [F6] "a request to a notification is answered at once and not run"
    method_without_an_id [F7 E6] "a method that is sent without an id, or with null, runs and is not answered"
    notification_that_fails [F7 S6] "a notification whose params don't fit, or whose handler panics, is acked without a reply"
    invalid_request_with_an_id [F8] "JSON that is no request but has an id is -32600"
}

contract {
    names_are_checked [K7] "bad names of services and methods fail where they are defined and where they are called"
    typed_client_and_service [E7 F2] "a contract's typed client and service understand each other"
    optional_params [E15] "what is optional may be absent or null; a typed client leaves out what is absent"
    unknown_params [E14] "params that the contract doesn't know are ignored"
    whole_numbers [E12 E13] "5.0 is an integer, 5 is a float, 5.5 and \"5\" are no integers"
    absent_params [E10] "params that are absent or null are no params"
    what_is_no_json_is_not_sent [E16] "params with NaN fail at the caller, and nothing is sent"
    messages_have_a_limit [E17] "what is larger than the limit is not sent, and answered with an error on either side"
    results_of_the_wrong_type [C8] "a result that isn't of the type that is asked for fails the call as a protocol error"
}

lifecycle {
    start_and_stop_again [S9] "start and stop may be called again, one after the other and at once"
    no_start_after_a_stop [S9] "what was stopped can't be started again"
    registration_has_its_time [S9] "a service is registered once, and before the start"
    calls_have_their_time [C2] "calls before the start and after the stop fail at once, and send nothing"
    stop_while_starting [S9] "a stop during a start ends both"
    stop_before_any_start [S9] "what was never started can be stopped"
    start_without_a_store [S10] "a start without a store fails and can be tried again"
    start_with_an_unknown_outcome [S10] "a start whose group command gets lost fails and can be tried again"
    requests_before_any_server [S2] "a request that was sent before any server ever started is served"
    group_at_the_end [S2] "with the option for it, a new group begins behind what is there"
    group_that_is_there [S1] "a group that is there is left as it is"
    client_before_its_server [C1] "a call that finds no stream waits for its server, and makes no stream"
    no_server_at_all [C1] "a call to a service without a stream fails at its deadline, or at once, and names the stream"
    many_services [S1 K1] "one server serves many services, each on its own stream with its own group"
    last_handle [C10 C9] "dropping the last handle stops a client and a server"
}

timeouts {
    deadline [C3] "a call without a reply ends at its timeout, be it the client's or its own"
    longer_than_the_default [C3] "a call's own timeout may be longer than the client's"
    timed_out_calls_still_run [C3] "a timeout is the caller's alone: the handler runs to its end"
    late_reply [C4] "a late reply is dropped, and disturbs nobody"
    replies_in_any_order [C4 C7] "replies find their calls in whatever order they come"
    replies_that_nobody_asked_for [C4] "replies with unknown ids, and those of an earlier life, are dropped"
    second_reply [C4] "a second reply to a call is dropped"
    slow_service [C7] "a service that doesn't answer holds up no call to another one"
    hundreds_at_once [C7] "five hundred calls at once all get their replies"
}

ordering {
    serial [S4] "a service runs one request at a time, in the order of the stream"
    nothing_next_to_it [S4] "while a request runs, however long, no other of its service is begun"
    effects_are_seen [S4] "a request sees the effect of every one before it"
    requests_and_notifications [S4 C6] "requests and notifications of one client run in the order in which they were sent"
    services_side_by_side [S5] "a service that is held up holds up no other on its server"
    reply_before_ack [S6] "an entry stays pending until the store has taken its reply"
    reclaimed_in_order [R10 R1] "what is taken over runs in the order of the stream, one at a time"
}

concurrency {
    at_once [O1] "a service that may runs so many requests at once, no more, and the next one as soon as any ends"
    one_at_once [O1 S4] "a service that may run one request at once runs them in the order of the stream"
    slow_among_quick [O1] "a slow request holds up no other while a slot is free"
    how_many [O1] "a service that is to run no request at once, or too many, is refused"
    same_key_in_order [O2] "requests of one key run one at a time, in the order of the stream"
    keys_side_by_side [O2 O1] "requests of different keys run next to each other, no more than may"
    without_a_key [O3] "a request without a key follows nothing"
    key_that_panics [O3] "a key that panics fails its own request, which isn't run, and no other"
    free_slots [O4 S8] "a server takes what its free slots can run, and leaves the rest to the pool"
    replies_before_acks [O5 S6] "each of several entries stays pending until the store has taken its own reply"
    each_is_renewed [O5 R4] "all that run, and what waits behind them, keep their entries beyond the claim idle"
    one_is_stolen [O5 R6] "when one of several running entries is taken, its handler sees that, and no other does"
    stop_with_many [O6 D1 D2] "a stop lets all finish that run, and hands back what waits behind them"
    grace_with_many [O6 D3] "when the grace is over, all handlers that run are dropped and their entries handed back"
    taken_over_in_order [O7 R10] "what is taken over runs in the order of the stream, key by key"
    after_what_waits [O7] "what is taken over runs after what waits here, but never next to its own key"
    own_service [O8 S11] "a handler may call its own service if that isn't serial, and needs a slot for that"
}

pools {
    exactly_one_server [S3] "of three servers one runs each call, and each call runs once"
    newcomer [S3] "a server that joins gets work at once"
    leaver [S3 D1] "a server that leaves in the middle of the work loses nothing and repeats nothing"
    busy_server [S8] "a server with a slow handler leaves the rest to its neighbour"
    two_clients [K2 C4] "two clients get their own replies"
    foreign_neighbour [S3] "a consumer of another make shares the work"
    own_service [S11] "a handler that calls its own service on its own server is told so at once"
    other_service [S11 S5] "a handler may call another service of its server"
}

reclaim {
    dead_neighbour [R1 R8] "what a dead consumer left is run by another, which is told so"
    crash_in_a_handler [R1 S6] "a server that is cut off in the middle of a handler is replaced, and the caller gets a reply"
    young_entries [R2] "what was touched lately is left alone"
    old_behind_young [R3] "one old entry behind 400 young ones is found"
    long_handler [R4] "a handler that runs longer than the claim idle keeps its entry"
    own_running_entry [R5] "what a server holds is not run again there, though the store hands it out again"
    waiting_entries [R4] "entries that wait behind a long handler are kept too"
    stolen_while_running [R6 G3] "a handler whose entry was taken sees that, and is still replied to"
    stolen_while_waiting [R6] "a waiting entry that was taken is not run here"
    trimmed_while_pending [R7] "an entry that was trimmed while it was pending is acked and forgotten"
    same_instance_id [R9] "a server under a used instance id leaves its predecessor's entries to the claim idle"
}

drain {
    running_handlers_finish [D1] "what runs at a stop finishes, is replied to and acked; nothing else is begun"
    waiting_entries_go_back [D2] "what was not begun at a stop is run by another server without the claim idle, as a first attempt"
    grace_runs_out [D3] "a handler that outlasts the grace is dropped and its entry handed back"
    consumers_are_removed [D5] "a stop removes the consumer, but not one that has handed something back"
    idle_stop [D4] "a server that waits in a read stops at once, and loses nothing that comes then"
    stop_without_a_store [D6] "a stop ends a second after its grace, whatever the store does"
    shorter_grace [D6 D3] "a second stop with a shorter grace ends the first one"
    client_stop [C9] "a client's stop fails what is under way, and deletes the reply stream"
    client_stop_that_waits [C9] "a client's stop with a wait lets calls finish"
}

cancellation {
    dropped_call [C5] "a call that is dropped runs all the same, and its reply disturbs nobody"
    dropped_before_it_left [C5] "a call that is dropped before it could be sent is never sent"
    never_awaited [C5] "a call that nobody awaits is not made"
    many_dropped_calls [C5 C7] "hundreds of dropped calls leave room for others"
    dropped_notification [C5 C6] "a notification that is dropped once it has left is still delivered"
}

connections {
    request_not_sent [U3] "a request that never left is sent over the next connection, once"
    request_lost [U1] "a request that got lost without a trace is not sent again, and says so at its deadline"
    request_executed [U1] "a request whose answer got lost gets its reply"
    notification_lost [U2] "a notification whose outcome is unknown says so at once and is not sent again"
    reply_lost [U4] "a reply that got lost, or whose answer did, reaches its caller, and its entry is acked"
    ack_lost [U5] "an ack that got lost is repeated, and the handler isn't run again"
    read_lost [U6] "entries that were delivered to a lost connection are run, once"
    half_open_read [U6] "a read that a dead connection still waits in swallows nothing"
    claim_lost [U7] "entries that were claimed over a lost connection are run"
    renewal_lost [U8] "a renewal that got lost is repeated in time"
    hand_back_lost [U8 D2] "a hand-back that got lost is repeated"
    replies_during_an_outage [U9] "replies that come while the client has no connection are found"
    reply_stream_read_lost [U9] "replies whose reading got lost are read again"
    store_came_back_empty [U9] "a client whose store came back empty, with a clock that is behind, gets its replies"
    silent_connection [U10] "a connection that says nothing any more is replaced"
    killed_connections [U6 U9] "when every connection is killed in the middle of the work, every call has its outcome, and none is lost"
    outage [U3] "calls that are made during an outage wait, and fail as not executed when it lasts"
    time_to_live_lost [U11 P4] "a time to live that got lost is set again"
    passing_refusals [U12] "what the store refuses for now is tried again: requests, replies, acks and reads"
    final_refusals [U12] "what the store refuses for good is an error at once"
    fails_without_a_connection [C11] "where calls are not to wait for a connection, they fail at once as not executed, and work again later"
    fails_when_full [C12] "a call beyond what may wait fails at once as not executed, and the others don't"
    reads_are_bounded [S12] "however much is there, what one read brings to a server or a client fits into 16 MiB"
    waits_for_room [C12] "where calls may wait for room, all have their turn, unless they are dropped or time out"
}

losses {
    flush_all [G1 G5] "after the loss of every key, servers and clients go on by themselves"
    reply_stream_made_anew [G5] "a client whose reply stream is made anew with lower ids, its connection alive, gets its replies within seconds"
    group_destroyed [G1] "after the loss of the group alone, servers go on by themselves"
    still_in_the_stream [G2] "a new group skips nothing that is still in the stream"
    without_retention [G2 T3] "with retention off, a new group doesn't begin anew"
    handler_during_a_flush [G3] "a handler that runs during a loss is replied to"
    wrong_type_at_a_start [G4] "a start fails on a key of another type"
    wrong_type_later [G4] "a server lives through a key of another type, and a client is told at once"
}

replies {
    confined [P1] "no key outside of the reply streams is ever written to, and such a request isn't run"
    bounded [P2] "the stream of a client that doesn't read stays bounded"
    wrong_type [P3] "a reply that can't be written is given up, and its key left alone"
    time_to_live [P4] "a reply stream has a time to live from the first reply on, and vanishes"
    after_a_stop [P4 C9] "a late reply makes the stream of a stopped client anew, but not for good"
    kept_alive [P5] "a client keeps its own reply stream alive"
    trimmed [P7] "a call whose reply was trimmed before it was read says so when it times out"
    crowd [P6 C7] "no more requests are under way than replies fit, and a service that never answers holds up no other"
}

hostile {
    not_json [F9 S7] "what isn't JSON is acked and dropped, and its neighbours are served"
    not_utf8 [F9 S7] "what isn't UTF-8 is acked and dropped, and its neighbours are served"
    no_envelope [F9 S7] "an entry without an envelope is acked and dropped, and its neighbours are served"
    batches_and_scalars [F9] "batches, and JSON that isn't an object, are acked and dropped"
    bad_ids [F9] "an id that is no string and no number can't be answered"
    deep_nesting [F10] "values nested 10,000 deep are answered with an error, or ignored where nobody asks for them"
    many_bad_among_good [S7] "every good entry among many bad ones is answered"
    another_service [E19] "the service in the method's name is not compared with the stream"
    bad_replies [C8] "a reply that can't be used fails its own call and no other"
}

retention {
    done_entries_go [T1] "what is done is removed from the stream"
    done_by_others [T1] "what a consumer of another make has acked is removed too"
    pending_entries_stay [T2] "what is pending, and what is behind it, is never removed"
    other_groups [T2] "what another group hasn't read is never removed"
    keep_all [T3] "without retention nothing is removed"
    dead_consumers [T4] "consumers of servers that are gone are removed, unless something is pending for them"
}

poison {
    put_aside [L1 L2] "a request that kills server after server is put aside, and its caller gets an error"
    neighbours [L3] "what was read together with it is not counted as begun"
}

        }
    };
}
