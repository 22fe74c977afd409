// The way in, without sockets: what of one round reaches which role, in which order and mail.
#include "actors/port/inbound.hpp"

#include "actors/port/sockets.hpp"
#include "topology/wire/bundle.hpp"
#include "topology/wire/codec.hpp"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace freshet::port {
namespace {

struct mail {
  std::vector<std::uint64_t> numbers;  ///< of the parcels, as their senders counted them
};

class way_in : public ::testing::Test {
 protected:
  way_in() : traffic(std::make_shared<rt::traffic_meter>("cloud")) {
    in = std::make_unique<inbound>(
        inbound::setup{"cloud", epoch{1}, {}, {}, traffic, std::make_shared<spdlog::logger>("quiet")});
  }
  receiver box(std::vector<mail>& mails, std::size_t room = 1000) {
    return [&mails, room](std::vector<topology::parcel> parcels, time_point) {
      mails.emplace_back();
      for (const auto& p : parcels) mails.back().numbers.push_back(p.head.number);
      return std::min(room, parcels.size());
    };
  }
  static std::vector<shared_bytes> frames_of(const std::string& role, std::uint64_t number,
                                            topology::any_message body = topology::pace{}, const std::string& from = "edge") {
    topology::parcel p;
    p.head.from = {from, "device"};
    p.head.to = {"cloud", role};
    p.head.life = epoch{9};
    p.head.number = number;
    p.body = std::move(body);
    return topology::encode(p).value();
  }
  inbound::consequence come_together(const std::vector<std::vector<shared_bytes>>& parcels) {
    topology::bundle_writer bundle;
    for (const auto& frames : parcels) bundle.add(frames);
    received r;
    r.frames = {bundle.take()};
    r.wire_bytes = wire_bytes(r.frames);
    return in->take(std::move(r), "edge", "edge#9", {});
  }
  void come(const std::string& role, std::uint64_t number, topology::any_message body = topology::pace{}) {
    received r;
    r.frames = frames_of(role, number, std::move(body));
    EXPECT_TRUE(in->take(std::move(r), "edge", "edge#9", {}).genuine);
  }
  std::shared_ptr<rt::traffic_meter> traffic;
  std::unique_ptr<inbound> in;
};

TEST_F(way_in, a_round_is_one_mail_for_each_role_in_order) {
  std::vector<mail> first, second;
  in->register_role("a", box(first));
  in->register_role("b", box(second));
  come("a", 1);
  come("b", 10);
  come("a", 2);
  come("a", 3);
  EXPECT_TRUE(first.empty());
  in->hand_over({});
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].numbers, (std::vector<std::uint64_t>{1, 2, 3}));
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].numbers, (std::vector<std::uint64_t>{10}));
  in->hand_over({});
  EXPECT_EQ(first.size(), 1U) << "a round without mail is none";
}

TEST_F(way_in, control_does_not_wait_for_the_round) {
  std::vector<mail> mails;
  in->register_role("a", box(mails));
  come("a", 1);
  come("a", 0, topology::stats_request{"all"});
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_EQ(mails[0].numbers, (std::vector<std::uint64_t>{0}));
  in->hand_over({});
  ASSERT_EQ(mails.size(), 2U);
}

TEST_F(way_in, a_long_round_is_cut_into_mails) {
  std::vector<mail> mails;
  in->register_role("a", box(mails));
  std::vector<std::uint64_t> sent, got;
  for (std::uint64_t n = 1; n <= 300; ++n) {
    come("a", n);
    sent.push_back(n);
  }
  in->hand_over({});
  EXPECT_EQ(mails.size(), 3U);  // of at most 128
  for (const mail& m : mails) got.insert(got.end(), m.numbers.begin(), m.numbers.end());
  EXPECT_EQ(got, sent);
}

TEST_F(way_in, a_bundle_is_its_parcels_one_by_one_and_all_its_bytes_are_counted) {
  std::vector<mail> first, second;
  in->register_role("a", box(first));
  in->register_role("b", box(second));
  const std::vector<std::vector<shared_bytes>> parcels{frames_of("a", 1), frames_of("b", 2), frames_of("a", 3)};
  EXPECT_TRUE(come_together(parcels).genuine);
  in->hand_over({});
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].numbers, (std::vector<std::uint64_t>{1, 3}));
  ASSERT_EQ(second.size(), 1U);
  const auto counted = traffic->snapshot().sum(rt::direction::in, {}, {});
  EXPECT_EQ(counted.messages, 3U);
  topology::bundle_writer again;
  for (const auto& frames : parcels) again.add(frames);
  EXPECT_EQ(counted.bytes, wire_bytes({again.take()}));
}

TEST_F(way_in, each_parcel_of_a_bundle_is_judged_by_itself) {
  std::vector<mail> mails;
  in->register_role("a", box(mails));
  auto broken = frames_of("a", 2);
  broken[1] = shared_bytes::of(std::vector<std::uint8_t>{0xc1});
  const auto outcome = come_together({frames_of("a", 1), broken, frames_of("a", 3, topology::pace{}, "somebody-else"), frames_of("a", 4)});
  EXPECT_TRUE(outcome.genuine);
  in->hand_over({});
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_EQ(mails[0].numbers, (std::vector<std::uint64_t>{1, 4}));
  EXPECT_EQ(traffic->snapshot().faults.malformed, 1U);
  EXPECT_EQ(traffic->snapshot().faults.wrong_identity, 1U);
}

TEST_F(way_in, a_bundle_that_lies_is_one_malformed_message_and_one_of_bundles_too) {
  topology::bundle_writer inner;
  inner.add(frames_of("a", 1));
  const shared_bytes bundle = inner.take();
  received cut;
  cut.frames = {bundle.part(0, 9)};
  EXPECT_FALSE(in->take(std::move(cut), "edge", "edge#9", {}).genuine);
  EXPECT_EQ(traffic->snapshot().faults.malformed, 1U);
  EXPECT_FALSE(come_together({{bundle, shared_bytes::of(std::vector<std::uint8_t>{0x90})}}).genuine);
  EXPECT_EQ(traffic->snapshot().faults.malformed, 2U);
}

TEST_F(way_in, a_bundle_of_another_form_is_a_newer_peer_and_not_a_bad_one) {
  for (int i = 0; i < 100; ++i) {
    received later;
    later.frames = {shared_bytes::of(std::vector<std::uint8_t>{0xc1, 9, 0, 0, 1, 0, 0, 0})};
    EXPECT_FALSE(in->take(std::move(later), "edge", "edge#9", {}).genuine);
  }
  EXPECT_EQ(traffic->snapshot().faults.unknown_type, 100U);
  EXPECT_EQ(traffic->snapshot().faults.malformed, 0U);
  EXPECT_EQ(traffic->snapshot().faults.cut_offs, 0U);
}

TEST_F(way_in, whoever_is_cut_off_within_a_bundle_is_not_read_on) {
  std::vector<mail> mails;
  in->register_role("a", box(mails));
  auto broken = frames_of("a", 0);
  broken[1] = shared_bytes::of(std::vector<std::uint8_t>{0xc1});
  std::vector<std::vector<shared_bytes>> parcels(100, broken);
  parcels.push_back(frames_of("a", 5));
  come_together(parcels);
  in->hand_over({});
  EXPECT_TRUE(mails.empty());
  EXPECT_EQ(traffic->snapshot().faults.cut_offs, 1U);
  EXPECT_GT(traffic->snapshot().faults.cut_off, 0U);
}

TEST_F(way_in, what_a_mailbox_has_no_room_for_is_counted) {
  std::vector<mail> mails;
  in->register_role("a", box(mails, 2));
  for (std::uint64_t n = 1; n <= 5; ++n) come("a", n);
  in->hand_over({});
  EXPECT_EQ(traffic->snapshot().faults.mailbox_full, 3U);
}

}  // namespace
}  // namespace freshet::port
