#include "actors/intake/intake_core.hpp"
#include "actors/intake/memory_journal.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/intake_fixture.hpp"

#include <set>

#include <gtest/gtest.h>

namespace freshet::actors {
namespace intake_test {

using namespace std::chrono_literals;
using namespace freshet::test;
using topology::error_reply;
using topology::label_request;
using topology::leases_consumed;
using topology::samples_settled;
using topology::uts_batch;

TEST(intake, leases_what_it_accepts_and_forgets_it_when_consumed) {
  auto core = intake_of();
  fake_outbox out;
  core->start(at(0s), out);
  const uts_batch sent = batch_of(1, {4, 5});
  core->handle(filter(1), sent, at(1s), out);
  auto requests = out.take<label_request>();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].batch, sent);
  EXPECT_EQ(stat(*core, "held_samples"), 2U);
  core->handle(distiller, leases_consumed{{requests[0].lease}}, at(2s), out);
  EXPECT_EQ(stat(*core, "held_samples"), 0U);
  EXPECT_EQ(stat(*core, "held_bytes"), 0U);
  EXPECT_EQ(stat(*core, "samples_consumed"), 2U);
  core->handle(distiller, leases_consumed{{requests[0].lease}}, at(2s), out);
  EXPECT_EQ(stat(*core, "leases_unknown"), 1U);
  EXPECT_EQ(stat(*core, "samples_consumed"), 2U);
  EXPECT_EQ(out.messages.size(), out.count<samples_settled>());
}

TEST(intake, takes_every_sample_once) {
  auto core = intake_of();
  fake_outbox out;
  core->handle(filter(1), batch_of(1, {4, 5}), at(0s), out);
  core->handle(filter(1), batch_of(1, {4, 5}), at(0s), out);        // all known
  core->handle(filter(1), batch_of(1, {5, 6, 6, 7}), at(0s), out);  // two new, one of them twice
  core->handle(filter(2), batch_of(2, {4, 5}), at(0s), out);        // another device's positions
  const auto requests = out.take<label_request>();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].batch, batch_of(1, {4, 5}));
  EXPECT_EQ(requests[1].batch, batch_of(1, {6, 7}));
  EXPECT_EQ(requests[2].batch, batch_of(2, {4, 5}));
  EXPECT_EQ(stat(*core, "duplicate_samples"), 4U);
  EXPECT_EQ(stat(*core, "samples"), 6U);
  EXPECT_EQ(out.count<error_reply>(), 0U);
}

TEST(intake, refuses_malformed_batches_with_a_reason_and_logs_each_kind_once) {
  auto core = intake_of();
  fake_outbox out;
  uts_batch bad = batch_of(1, {4});
  bad.samples[0].kept_count = 1;
  for (int i = 0; i < 5; ++i) core->handle(filter(1), bad, at(0s), out);
  const auto replies = out.take<error_reply>();
  ASSERT_EQ(replies.size(), 5U);
  EXPECT_EQ(replies[0].code, static_cast<std::uint8_t>(errc::corrupt));
  EXPECT_EQ(replies[0].refused_type, topology::message_traits<uts_batch>::number);
  EXPECT_NE(replies[0].context.find("sample 0"), std::string::npos);
  EXPECT_EQ(out.logged(log_level::warn), 1U);
  EXPECT_EQ(stat(*core, "refused_batches"), 5U);
  EXPECT_EQ(out.count<label_request>(), 0U);
  // The same positions are taken once they come in order.
  core->handle(filter(1), batch_of(1, {4}), at(0s), out);
  EXPECT_EQ(out.count<label_request>(), 1U);
}

TEST(intake, answers_what_it_does_not_know_but_never_an_error) {
  auto core = intake_of();
  fake_outbox out;
  core->handle(filter(1), topology::stats_request{"all"}, at(0s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  core->handle(filter(1), error_reply{}, at(0s), out);
  EXPECT_TRUE(out.messages.empty());
  core->handle(filter(1), leases_consumed{{1}}, at(0s), out);  // only the distiller may say so
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
}

TEST(intake, sends_an_unconfirmed_lease_again_under_its_number_with_longer_waits) {
  auto options = intake_defaults();
  options.lease_timeout = 10s;
  auto core = intake_of(options);
  fake_outbox out;
  core->handle(filter(1), batch_of(1, {4}), at(0s), out);
  core->handle(filter(1), batch_of(1, {5}), at(1s), out);
  auto first = out.take<label_request>();
  ASSERT_EQ(first.size(), 2U);
  ASSERT_TRUE(out.wake.has_value());
  EXPECT_LE(*out.wake, 10s);
  core->handle(distiller, leases_consumed{{first[1].lease}}, at(2s), out);
  core->tick(at(9999ms), out);
  EXPECT_EQ(out.messages.size(), out.count<samples_settled>());
  core->tick(at(10s), out);
  auto again = out.take<label_request>();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0], first[0]);
  core->tick(at(29s), out);
  EXPECT_EQ(out.messages.size(), out.count<samples_settled>());
  core->tick(at(30s), out);
  EXPECT_EQ(out.take<label_request>().size(), 1U);
  EXPECT_EQ(stat(*core, "leases_resent"), 2U);
}

TEST(intake, waits_for_room_and_bounds_the_leases_that_are_out) {
  auto options = intake_defaults();
  options.max_leases = 3;
  auto core = intake_of(options);
  fake_outbox out;
  out.set_room(teacher, 0);
  for (std::uint64_t p = 0; p < 6; ++p) core->handle(filter(1), batch_of(1, {p}), at(0s), out);
  EXPECT_EQ(out.messages.size(), out.count<samples_settled>());
  out.set_room(teacher, 2);
  core->work(at(1s), out);
  auto sent = out.take<label_request>();
  ASSERT_EQ(sent.size(), 2U);
  out.set_room(teacher, 50);
  core->work(at(1s), out);
  EXPECT_EQ(out.take<label_request>().size(), 1U);
  EXPECT_EQ(stat(*core, "leases_out"), 3U);
  core->handle(distiller, leases_consumed{{sent[0].lease, sent[1].lease}}, at(2s), out);
  const auto more = out.take<label_request>();
  ASSERT_EQ(more.size(), 2U);
  EXPECT_EQ(more[0].batch.samples[0].position, sequence{3});
}

TEST(intake, a_busy_device_takes_no_room_from_a_quiet_one) {
  auto options = intake_defaults();
  options.queue_batches = 12;
  auto core = intake_of(options);
  fake_outbox out;
  EXPECT_EQ(core->capacity(filter(1)), 12U);
  core->handle(filter(1), batch_of(1, {0}), at(0s), out);
  core->handle(filter(2), batch_of(2, {0}), at(0s), out);
  EXPECT_EQ(core->capacity(filter(1)), 5U);
  for (std::uint64_t p = 1; p < 6; ++p) core->handle(filter(1), batch_of(1, {p}), at(0s), out);
  EXPECT_EQ(core->capacity(filter(1)), 0U);
  EXPECT_EQ(core->capacity(filter(2)), 5U);
  EXPECT_EQ(core->capacity(filter(3)), 4U);
  EXPECT_GT(core->capacity(distiller), 0U);
  const auto requests = out.take<label_request>();
  core->handle(distiller, leases_consumed{{requests[0].lease}}, at(0s), out);
  EXPECT_EQ(core->capacity(filter(1)), 1U);
  // A sender that is gone for good gives its share back.
  core->handle(distiller, leases_consumed{{requests[1].lease}}, at(0s), out);
  core->tick(at(61s), out);
  EXPECT_EQ(stat(*core, "senders"), 1U);
}

TEST(intake, sheds_with_a_word_when_the_bytes_are_spent) {
  auto options = intake_defaults();
  options.queue_bytes = content_bytes(batch_of(1, {4})) + 1;
  auto core = intake_of(options);
  fake_outbox out;
  core->handle(filter(1), batch_of(1, {4}), at(0s), out);
  core->handle(filter(1), batch_of(1, {7}), at(0s), out);
  const auto replies = out.take<error_reply>();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].code, static_cast<std::uint8_t>(errc::overloaded));
  EXPECT_EQ(stat(*core, "shed_samples"), 1U);
  // What was shed was not accepted: it may come again.
  core->handle(distiller, leases_consumed{{out.take<label_request>().at(0).lease}}, at(0s), out);
  core->handle(filter(1), batch_of(1, {7}), at(0s), out);
  EXPECT_EQ(out.take<label_request>().size(), 1U);
}

TEST(intake, sheds_the_least_uncertain_when_samples_have_no_room) {
  auto options = intake_defaults();
  options.queue_samples = 5;
  auto core = intake_of(options);
  fake_outbox out;
  core->handle(filter(1), batch_of(1, {1, 2}), at(0s), out);
  EXPECT_GT(core->capacity(filter(1)), 0U);
  // Uncertainty is the position: 20, 21 and 22 are worth most.
  core->handle(filter(1), batch_of(1, {20, 3, 21, 4, 22}), at(0s), out);
  const auto requests = out.take<label_request>();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[1].batch, batch_of(1, {20, 21, 22}));
  EXPECT_EQ(stat(*core, "shed_samples"), 2U);
  EXPECT_EQ(core->capacity(filter(1)), 0U);
  core->handle(distiller, leases_consumed{{requests[1].lease}}, at(0s), out);
  EXPECT_GT(core->capacity(filter(1)), 0U);
}

TEST(intake, goes_on_with_what_a_former_life_accepted) {
  auto journal = std::make_unique<memory_journal>();
  ASSERT_TRUE(journal->append(batch_of(1, {4, 5})).ok());
  ASSERT_TRUE(journal->append(batch_of(1, {6})).ok());
  auto options = intake_defaults();
  options.first_lease = 1000;
  auto core = std::move(*make_intake(options, std::move(journal)));
  fake_outbox out;
  core->start(at(0s), out);
  const auto requests = out.take<label_request>();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].lease, 1000U);
  EXPECT_EQ(requests[1].batch, batch_of(1, {6}));
  core->handle(filter(1), batch_of(1, {4, 5}), at(1s), out);
  EXPECT_EQ(stat(*core, "duplicate_samples"), 2U);
  core->handle(distiller, leases_consumed{{1000, 1001}}, at(1s), out);
  EXPECT_EQ(stat(*core, "held_samples"), 0U);
}

TEST(intake, options_that_make_no_sense_are_errors) {
  auto options = intake_defaults();
  options.max_leases = 0;
  EXPECT_EQ(make_intake(options).err().code, errc::config);
  options = intake_defaults();
  options.lease_timeout = 0s;
  EXPECT_EQ(make_intake(options).err().code, errc::config);
}

// Every accepted sample is learned exactly once by a distiller that knows leases by number, though
// requests, labels and confirmations get lost on the way.
TEST(intake, exactly_once_under_loss_of_everything_behind_it) {
  for (const double loss : {0.33, 0.66}) {
    rng random(static_cast<std::uint64_t>(loss * 100));
    auto options = intake_defaults();
    options.lease_timeout = 1s;
    options.max_leases = 4;
    auto core = intake_of(options);
    fake_outbox out;
    core->start(at(0s), out);
    std::set<std::uint64_t> leases;
    std::multiset<std::pair<std::uint32_t, std::uint64_t>> learned;
    std::uint64_t next = 0;
    duration now = 0s;
    for (int step = 0; step < 20000 && learned.size() < 120; ++step) {
      now += 500ms;
      if (next < 60 && core->capacity(filter(1)) > 0 && core->capacity(filter(2)) > 0) {
        for (const std::uint32_t d : {1U, 2U}) {
          core->handle(filter(d), batch_of(d, {next}), at(now), out);
          if (random.chance(0.5)) core->handle(filter(d), batch_of(d, {next}), at(now), out);  // sent twice
        }
        ++next;
      }
      core->tick(at(now), out);
      for (const auto& request : out.take<label_request>()) {
        if (random.chance(loss)) continue;  // the teacher died with it
        if (leases.insert(request.lease).second) {
          for (const auto& s : request.batch.samples) learned.insert({request.batch.device.value, s.position.value});
        }
        if (!random.chance(loss)) core->handle(distiller, leases_consumed{{request.lease}}, at(now), out);
      }
    }
    EXPECT_EQ(learned.size(), 120U);
    EXPECT_EQ(std::set(learned.begin(), learned.end()).size(), 120U);
  }
}

}  // namespace intake_test
}  // namespace freshet::actors
