// What one device may cost: by itself, and at an intake that a hostile one floods while another works.
#include "actors/intake/device_quota.hpp"

#include "tests/support/intake_fixture.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace freshet::actors {
namespace device_quota_test {

using namespace std::chrono_literals;
using test::at;

topology::uts_batch claim(std::uint32_t device, std::size_t samples, std::uint32_t kept, std::uint32_t token_bytes) {
  topology::uts_batch b;
  b.device = device_id{device};
  b.token_bytes = token_bytes;
  b.samples.resize(samples);
  for (auto& s : b.samples) s.kept_count = kept;
  return b;
}

constexpr std::uint64_t most = std::uint64_t{64} << 20U;
const topology::address one{"edge-1", "filter"};
const topology::address two{"edge-2", "filter"};

TEST(device_quota, gives_ten_seconds_at_once_and_then_the_rate) {
  quota_limits l;
  l.samples_per_second = 10;
  device_quota q(l);
  for (int i = 0; i < 99; ++i) ASSERT_TRUE(q.admit(one, claim(1, 1, 0, 0), most, at(0s)).ok());
  EXPECT_TRUE(q.may_send(one));
  ASSERT_TRUE(q.admit(one, claim(1, 1, 0, 0), most, at(0s)).ok());
  EXPECT_FALSE(q.may_send(one));
  EXPECT_TRUE(q.may_send(two));
  EXPECT_EQ(q.waiting(), 1U);
  // Credit that was out already is honoured, to a bound.
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(q.admit(one, claim(1, 1, 0, 0), most, at(0s)).ok());
  EXPECT_EQ(q.admit(one, claim(1, 1, 0, 0), most, at(0s)).err().code, errc::overloaded);
  EXPECT_EQ(q.refused(), 1U);
  q.advance(at(9s));
  EXPECT_FALSE(q.may_send(one));
  q.advance(at(11s));
  EXPECT_TRUE(q.may_send(one));
  // In the long run: the rate, whatever is tried.
  int taken = 0;
  for (int t = 0; t < 100'000; ++t) {
    const time_point now = at(1000s + t * 10ms);
    q.advance(now);
    if (q.may_send(one) && q.admit(one, claim(1, 1, 0, 0), most, now).ok()) ++taken;
  }
  EXPECT_NEAR(taken, 100 + 10'000, 2);
}

TEST(device_quota, work_counts_by_what_it_claims_to_decode_to) {
  quota_limits l;
  l.decoded_per_second = 1 << 20;
  device_quota q(l);
  // 64 MiB out of nothing: one is taken, then it waits a minute.
  ASSERT_TRUE(q.admit(one, claim(1, 64, 1024, 1024), most, at(0s)).ok());
  EXPECT_FALSE(q.may_send(one));
  EXPECT_FALSE(q.admit(one, claim(1, 64, 1024, 1024), most, at(1s)).ok());
  q.advance(at(50s));
  EXPECT_FALSE(q.may_send(one));
  q.advance(at(56s));
  EXPECT_TRUE(q.may_send(one));
  // Claims beyond all limits are refused by others, and cost no more than the most that would be decoded.
  ASSERT_TRUE(q.admit(two, claim(2, 4096, 0xffffffff, 0xffffffff), most, at(56s)).ok());
  q.advance(at(56s + 56s));
  EXPECT_TRUE(q.may_send(two));
}

TEST(device_quota, a_full_share_waits_until_something_is_learned) {
  quota_limits l;
  l.kept_samples = 10;
  l.kept_bytes = 1000;
  device_quota q(l);
  ASSERT_TRUE(q.admit(one, claim(1, 1, 0, 0), most, at(0s)).ok());
  EXPECT_TRUE(q.has_room(device_id{1}, 100, 5000));  // into an empty one, whatever its size
  q.hold(1, device_id{1}, 8, 500);
  EXPECT_TRUE(q.has_room(device_id{1}, 2, 500));
  EXPECT_FALSE(q.has_room(device_id{1}, 3, 1));
  EXPECT_FALSE(q.has_room(device_id{1}, 1, 501));
  q.hold(2, device_id{1}, 2, 100);
  EXPECT_FALSE(q.may_send(one));
  EXPECT_TRUE(q.has_room(device_id{2}, 1, 1));
  q.release(1);
  q.release(7);
  EXPECT_TRUE(q.may_send(one));
}

TEST(device_quota, remembers_a_bounded_number_of_devices_and_never_one_that_owes) {
  quota_limits l;
  l.devices = 2;
  device_quota q(l);
  ASSERT_TRUE(q.admit(one, claim(1, 1, 0, 0), most, at(0s)).ok());
  ASSERT_TRUE(q.admit(two, claim(2, 1, 0, 0), most, at(0s)).ok());
  EXPECT_FALSE(q.admit(one, claim(3, 1, 0, 0), most, at(0s)).ok());
  EXPECT_TRUE(q.admit(one, claim(3, 1, 0, 0), most, at(1s)).ok());
}

TEST(device_quota, a_flood_of_one_device_leaves_another_its_credit) {
  intake_options o = test::intake_defaults();
  o.expected_devices = {device_id{1}, device_id{2}};
  quota_limits l;
  l.samples_per_second = 5;
  o.quota = l;
  const auto intake = test::intake_of(std::move(o));
  test::fake_outbox out;
  out.set_room(test::teacher, 1000);
  intake->start(at(0s), out);
  // NaN uncertainties, 200 samples each: refused, and charged.
  for (int i = 0; i < 20; ++i) {
    topology::uts_batch bad = claim(1, 200, 0, 0);
    for (auto& s : bad.samples) s.uncertainty = std::numeric_limits<float>::quiet_NaN();
    intake->handle(test::filter(1), bad, at(0s), out);
  }
  EXPECT_EQ(test::stat(*intake, "refused_batches"), 20U);
  EXPECT_EQ(test::stat(*intake, "over_quota_batches"), 19U);
  EXPECT_EQ(intake->capacity(test::filter(1)), 0U);
  EXPECT_GT(intake->capacity(test::filter(2)), 0U);
  EXPECT_EQ(test::stat(*intake, "held_samples"), 0U);
  intake->tick(at(60s), out);
  EXPECT_GT(intake->capacity(test::filter(1)), 0U);
}

}  // namespace device_quota_test
}  // namespace freshet::actors
