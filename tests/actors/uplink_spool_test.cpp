#include "actors/intake/durable_journal.hpp"
#include "actors/uplink_filter/disk_spool.hpp"
#include "actors/uplink_filter/outlet.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/file_size_limit.hpp"
#include "tests/support/intake_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace freshet::actors {
namespace uplink_spool_test {

using namespace std::chrono_literals;
using namespace freshet::test;
using topology::label_request;
using topology::leases_consumed;
using topology::samples_settled;
using topology::uts_batch;

const topology::address intake{"cloud", "intake"};

/// Worth is the mean of the positions: batch_of() makes them the uncertainties.
shipment shipment_of(const uts_batch& batch) {
  shipment s;
  s.device = batch.device;
  s.packed = batch;
  s.dirty = false;
  for (const auto& sample : batch.samples) {
    kept_sample k;
    k.head = sample;
    s.samples.push_back(std::move(k));
  }
  return s;
}

std::vector<std::uint64_t> positions(const std::vector<uts_batch>& batches) {
  std::vector<std::uint64_t> all;
  for (const auto& b : batches) {
    for (const auto& s : b.samples) all.push_back(s.position.value);
  }
  return all;
}

class spooled : public ::testing::Test {
 protected:
  std::unique_ptr<disk_spool> disk(std::uint64_t quota = 1U << 20) {
    auto made = disk_spool::open(folder_.path() / "spool.db", quota);
    EXPECT_TRUE(made.ok()) << made.err().text();
    return made.ok() ? std::move(*made) : nullptr;
  }
  outlet_options options() {
    outlet_options o;
    o.intake = intake;
    o.window = 4;
    return o;
  }
  std::vector<uts_batch> flush(outlet& o, duration when) {
    o.flush({}, at(when), out_);
    return out_.take<uts_batch>();
  }
  temporary_folder folder_;
  fake_outbox out_;
};

TEST_F(spooled, what_is_not_settled_comes_back_in_the_next_life_in_order) {
  {
    outlet o(options(), disk());
    for (std::uint64_t p = 0; p < 6; ++p) o.push(shipment_of(batch_of(1, {p})), out_);
    EXPECT_EQ(positions(flush(o, 0s)), (std::vector<std::uint64_t>{0, 1, 2, 3})) << "the window";
    o.settle({device_id{1}, {sequence{0}, sequence{2}}, {}}, {}, at(1s), out_);
    EXPECT_EQ(positions(out_.take<uts_batch>()), (std::vector<std::uint64_t>{4, 5}));
    o.settle({device_id{1}, {}, {sequence{3}}}, {}, at(1s), out_);
    EXPECT_EQ(o.count().accepted, 2U);
    EXPECT_EQ(o.count().refused, 1U);
    EXPECT_EQ(o.unsettled_samples(), 3U);
  }
  outlet o(options(), disk());
  EXPECT_EQ(o.waiting_samples(), 3U);
  EXPECT_EQ(positions(flush(o, 0s)), (std::vector<std::uint64_t>{1, 4, 5}));
}

TEST_F(spooled, a_batch_that_arrived_and_stays_unanswered_is_sent_again_later_and_later) {
  outlet o(options(), nullptr);
  o.push(shipment_of(batch_of(1, {1})), out_);
  EXPECT_EQ(flush(o, 0s).size(), 1U);
  // On the way for an hour: the link has it.
  out_.set_on_the_way(intake, 1);
  EXPECT_TRUE(flush(o, 3600s).empty());
  out_.set_on_the_way(intake, 0);
  EXPECT_TRUE(flush(o, 3601s).empty()) << "the answer may be on its way";
  EXPECT_EQ(flush(o, 3603s).size(), 1U);
  EXPECT_TRUE(flush(o, 3604s).empty());
  EXPECT_TRUE(flush(o, 3606s).empty());
  EXPECT_EQ(flush(o, 3607s).size(), 1U);
  EXPECT_EQ(o.count().resent, 2U);
  // An answer to a later one tells that the earlier arrived, although more is always on the way.
  out_.set_on_the_way(intake, 3);
  o.push(shipment_of(batch_of(1, {2})), out_);
  EXPECT_EQ(positions(flush(o, 3700s)), (std::vector<std::uint64_t>{2}));
  o.settle({device_id{1}, {sequence{2}}, {}}, {}, at(3700s), out_);
  EXPECT_EQ(positions(flush(o, 3720s)), (std::vector<std::uint64_t>{1}));
}

TEST_F(spooled, beyond_the_quota_the_least_uncertain_go_and_are_counted) {
  std::uint64_t one = 0;
  {
    auto d = disk();
    ASSERT_TRUE(d->push(batch_of(1, {1000, 1001})).ok());
    one = d->bytes();
    const auto taken = d->next();
    ASSERT_TRUE(d->erase({(*taken)->number}).ok());
  }
  auto d = disk(one * 4 + one / 2);
  for (const std::uint64_t p : {1500U, 1100U, 1900U, 1300U}) EXPECT_EQ(*d->push(batch_of(1, {p, p + 1})), 0U);
  EXPECT_EQ(*d->push(batch_of(1, {1700, 1701})), 2U);  // in the place of 1100
  EXPECT_EQ(*d->push(batch_of(1, {1050, 1051})), 2U);  // its own samples
  EXPECT_EQ(*d->push(batch_of(1, {1300, 1301})), 2U) << "of equals the oldest goes";
  d.reset();
  d = disk(one * 4 + one / 2);
  EXPECT_EQ(d->samples(), 8U);
  std::vector<uts_batch> left;
  for (;;) {
    auto next = d->next();
    ASSERT_TRUE(next.ok());
    if (!*next) break;
    left.push_back((*next)->batch);
  }
  EXPECT_EQ(positions(left), (std::vector<std::uint64_t>{1500, 1501, 1900, 1901, 1700, 1701, 1300, 1301}));
  // What is under way counts, and is not dropped.
  EXPECT_EQ(*d->push(batch_of(1, {1999, 2000})), 2U);
}

TEST_F(spooled, a_full_disk_leaves_the_memory_and_is_said_once) {
  outlet o(options(), disk());
  out_.set_room(intake, 0);
  o.push(shipment_of(batch_of(1, {1})), out_);
  {
    const file_size_limit full(4096);
    for (std::uint64_t p = 2; p < 5; ++p) o.push(shipment_of(batch_of(1, {p})), out_);
    EXPECT_EQ(o.state().rfind("failing: ", 0), 0U) << o.state();
    EXPECT_EQ(out_.logged(log_level::error), 1U);
  }
  o.push(shipment_of(batch_of(1, {5})), out_);
  EXPECT_EQ(o.state(), "disk");
  out_.set_room(intake, 100);
  auto sent = positions(flush(o, 0s));
  o.settle({device_id{1}, {sequence{1}}, {}}, {}, at(0s), out_);
  for (const std::uint64_t p : positions(out_.take<uts_batch>())) sent.push_back(p);
  std::sort(sent.begin(), sent.end());
  EXPECT_EQ(sent, (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
}

TEST_F(spooled, a_damaged_file_is_put_aside_with_its_name_said) {
  {
    auto d = disk();
    for (std::uint64_t p = 0; p < 50; ++p) ASSERT_TRUE(d->push(batch_of(1, {p})).ok());
  }
  const auto file = folder_.path() / "spool.db";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2 + 100);
  auto d = disk();
  EXPECT_NE(d->put_aside().find("spool.db.damaged-1"), std::string::npos) << d->put_aside();
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "spool.db.damaged-1"));
  EXPECT_TRUE(d->empty());
  ASSERT_TRUE(d->push(batch_of(1, {1})).ok());
}

// A device whose cloud is away for an hour, over a link that loses answers, with lives that end on both
// sides: everything that the quota left is accepted, and nothing twice.
TEST_F(spooled, an_hour_without_the_cloud_is_caught_up_and_every_sample_is_accepted_once) {
  const auto open_intake = [&] {
    auto options = intake_defaults();
    options.queue_batches = 64;
    auto kept = durable_journal::open(folder_.path() / "journal.db");
    EXPECT_TRUE(kept.ok());
    return std::move(*make_intake(options, std::move(*kept)));
  };
  rng random(6);
  auto o = std::make_unique<outlet>(options(), disk(std::uint64_t{8} << 20));
  auto cloud = open_intake();
  fake_outbox below;
  cloud->start(at(0s), below);
  std::multiset<std::uint64_t> leased;
  std::uint64_t next = 0;
  // A batch a ten seconds for an hour, no room on the link.
  out_.set_room(intake, 0);
  for (int t = 0; t < 3600; t += 10) {
    o->push(shipment_of(batch_of(1, {next, next + 1, next + 2})), out_);
    next += 3;
    EXPECT_TRUE(flush(*o, std::chrono::seconds(t)).empty());
    if (t == 1800) o = std::make_unique<outlet>(options(), disk(std::uint64_t{8} << 20));  // the device restarts
  }
  EXPECT_EQ(o->count().shed, 0U);
  EXPECT_EQ(o->waiting_samples(), next);
  auto now = at(3600s);
  std::set<std::uint64_t> confirmed;
  for (int round = 0; round < 5000 && (o->waiting_samples() > 0 || o->unsettled_samples() > 0); ++round) {
    now += 500ms;
    out_.set_room(intake, cloud->capacity(filter(1)));
    o->flush({}, now, out_);
    for (const auto& batch : out_.take<uts_batch>()) {
      if (random.chance(0.1)) continue;  // the intake died with it
      cloud->handle(filter(1), batch, now, below);
    }
    for (const auto& settled : below.take<samples_settled>()) {
      if (!random.chance(0.2)) o->settle(settled, {}, now, out_);
    }
    for (const auto& request : below.take<label_request>()) {
      if (random.chance(0.3)) continue;
      if (confirmed.insert(request.entry.number).second) {
        for (const auto& s : request.batch.samples) leased.insert(s.position.value);
      }
      cloud->handle(distiller, leases_consumed{{request.lease}, request.entry.journal, {request.entry.number}}, now,
                    below);
    }
    cloud->tick(now, below);
    if (random.chance(0.02)) o = std::make_unique<outlet>(options(), disk(std::uint64_t{8} << 20));
    if (random.chance(0.02)) {
      cloud = open_intake();
      below.messages.clear();
      cloud->start(now, below);
    }
  }
  EXPECT_EQ(o->waiting_samples() + o->unsettled_samples(), 0U);
  EXPECT_EQ(stat(*cloud, "held_samples") + leased.size(), next);
  EXPECT_EQ(std::set<std::uint64_t>(leased.begin(), leased.end()).size(), leased.size()) << "none twice";
}

}  // namespace uplink_spool_test
}  // namespace freshet::actors
