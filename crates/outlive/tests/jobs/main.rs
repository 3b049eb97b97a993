//! Jobs through the library, as its users have them: this program is the keeper of the jobs that
//! it starts, so it has a `main` of its own, which begins as theirs do.

#[path = "../support/mod.rs"]
mod support;

mod again;
mod alone;
mod caller;
mod crowd;
mod find;
mod home;
mod keeper;
mod limits;
mod lines;
mod output;
mod place;
mod prune;
mod refused;
mod settle;
mod start;
mod stop;
mod streams;
mod terminal;
mod wait;

use libtest_mimic::{Arguments, Trial};

/// Set for those tests that are to run in a program that never called `init`.
const NO_INIT: &str = "OUTLIVE_TEST_NO_INIT";

/// A trial for each test. (One that was forgotten here is dead code, of which the compiler tells.)
macro_rules! trials {
    ($($module:ident: $($test:ident)+;)+) => {
        vec![$($(Trial::test(
            concat!(stringify!($module), "::", stringify!($test)),
            || { $module::$test(); Ok(()) },
        ),)+)+]
    };
}

fn main() {
    if std::env::var_os(NO_INIT).is_none() {
        outlive::init();
    }
    let trials = trials! {
        again:
            a_restart_is_another_run_of_the_same_job
            a_job_that_runs_is_stopped_first
            it_has_the_environment_of_who_restarts_and_its_own
            it_is_started_as_it_was
            what_can_not_be_had_again_is_refused
            a_restart_that_fails_changes_nothing
            a_name_comes_back_with_a_restart
            only_the_last_runs_are_kept
            a_lost_job_can_be_restarted;
        alone:
            a_killed_keeper_is_told
            waiting_for_it_ends_with_its_main_process
            its_tree_is_found_and_stopped
            its_tree_can_be_signalled
            its_output_goes_on_and_can_be_followed
            its_name_stays_in_use_while_it_runs
            a_lost_job_is_removed_as_any_other;
        caller:
            nothing_of_the_caller_changes
            letting_go_of_a_job_does_nothing_to_it
            room_for_16_descriptors_is_enough
            ignored_signals_and_a_closed_umask_are_no_matter
            a_deleted_folder_is_no_matter
            a_home_may_be_deep
            a_job_outlives_its_starter_and_says_so_to_others
            a_subreaper_has_no_zombie_of_keepers;
        crowd:
            all_jobs_of_many_threads_differ
            of_many_who_want_a_name_one_has_it
            pruning_disturbs_nobody
            several_may_restart_it_at_once;
        find:
            a_job_is_found_by_what_it_is_called
            the_newest_of_a_name_is_meant
            what_is_ambiguous_is_said
            near_names_are_offered
            strange_keys_find_nothing
            the_list_is_in_order_and_whole
            a_home_that_is_not_there_has_no_jobs
            the_home_is_where_the_variables_say
            a_home_of_others_is_refused;
        keeper:
            the_executable_may_be_named
            it_may_be_named_in_the_environment
            it_is_looked_for_in_path_by_programs_that_never_called_init
            one_that_is_no_keeper_is_refused
            one_that_stands_still_holds_up_no_wait;
        limits:
            niceness_is_given_and_comes_back_with_a_restart
            limits_that_make_no_sense_are_refused
            what_a_job_uses_is_told_while_it_runs;
        lines:
            they_are_told_apart
            they_are_followed_without_waiting
            what_was_given_back_ends_a_line_that_had_begun
            the_last_may_be_unfinished
            long_ones_come_in_parts
            what_was_not_written_down_is_refused;
        output:
            it_is_read_whole_or_from_its_last_lines
            following_ends_with_the_job
            following_goes_on_where_reading_stopped
            several_follow_at_once
            only_the_newest_part_is_kept
            the_newest_run_can_be_read_alone
            a_file_of_ones_own_is_appended_to
            a_pipe_keeps_what_a_job_would_cut
            bytes_are_not_changed;
        place:
            a_job_of_another_host_is_left_alone
            a_job_of_another_container_is_left_alone
            a_reboot_is_told_and_nobody_is_taken_for_the_job
            damaged_records_are_shown_and_harm_no_other
            a_running_job_whose_record_is_damaged_can_be_ended
            what_is_of_no_more_use_can_be_forgotten
            a_record_of_a_newer_version_is_told;
        prune:
            what_has_ended_is_removed_and_nothing_else
            only_what_ended_long_ago_if_so_asked
            a_running_job_is_not_removed
            a_removed_job_is_gone_for_all
            its_name_is_free_again;
        refused:
            nothing_of_a_refused_job_is_left
            reasons_are_those_of_a_child
            names_that_can_not_be
            a_name_in_use_is_refused
            options_that_contradict_each_other
            a_secret_that_is_not_set;
        settle:
            a_job_that_has_ended_can_be_removed_at_once
            a_job_that_has_ended_can_be_pruned_at_once
            a_job_that_has_ended_can_be_stopped_at_once
            a_job_that_has_ended_can_be_restarted_at_once
            a_name_is_free_as_soon_as_its_job_has_ended
            a_signal_that_comes_too_late_is_told_so;
        start:
            a_job_is_what_was_asked_for
            it_has_left_its_starter
            its_environment_is_ours_with_its_changes
            its_environment_can_be_its_own_alone
            its_folder_and_umask
            it_gets_the_descriptors_that_are_kept_and_no_other
            it_may_get_many_descriptors
            a_secret_is_passed_on_and_not_stored
            how_it_ended_is_told;
        stop:
            asked_politely_it_may_clean_up
            who_comes_late_is_asked_too
            what_does_not_listen_is_killed
            all_of_it_is_stopped
            several_may_stop_it_at_once
            a_stopped_job_may_be_stopped_again
            a_signal_reaches_main_or_all
            its_end_may_be_that_of_its_tree
            a_tree_that_is_waited_for_can_be_stopped
            what_is_left_behind_may_go_on
            what_is_left_behind_is_stopped
            what_objects_can_be_stopped_sooner
            a_job_that_stands_still_is_stopped_too;
        streams:
            its_input_is_nothing_unless_it_is_set
            a_file_can_be_its_input
            a_descriptor_can_be_its_input
            an_input_kept_open_is_written_to_by_anybody
            an_input_that_is_not_there_is_told
            its_outputs_may_go_elsewhere
            it_may_print_where_we_print;
        terminal:
            what_is_typed_is_read_and_what_is_printed_comes_back
            its_size_is_what_it_was_given_last
            only_a_running_job_with_one_can_be_attached_to
            it_is_all_that_a_job_reads_and_writes
            of_a_long_output_the_last_is_read
            all_that_is_printed_comes_once_in_whatever_pieces
            who_asks_for_it_is_told_what_is_printed
            who_takes_nothing_is_told_no_more_and_holds_up_nobody;
        wait:
            a_wait_that_times_out_does_no_harm
            any_number_may_wait
            the_first_to_end_is_told
            an_event_loop_can_wait
            an_event_loop_can_wait_for_what_is_ready_and_what_happens
            all_are_waited_for
            waiting_for_nothing_is_over_at_once
            a_job_that_was_removed_is_told;
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
