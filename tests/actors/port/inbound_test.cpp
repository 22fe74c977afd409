// The way in, without sockets: what of one round reaches which role, in which order and mail.
#include "actors/port/inbound.hpp"

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
  void come(const std::string& role, std::uint64_t number, topology::any_message body = topology::pace{}) {
    topology::parcel p;
    p.head.from = {"edge", "device"};
    p.head.to = {"cloud", role};
    p.head.life = epoch{9};
    p.head.number = number;
    p.body = std::move(body);
    auto frames = topology::encode(p);
    ASSERT_TRUE(frames.ok());
    received r;
    r.frames = *frames;
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
  for (std::uint64_t n = 1; n <= 100; ++n) {
    come("a", n);
    sent.push_back(n);
  }
  in->hand_over({});
  EXPECT_EQ(mails.size(), 4U);  // of at most 32
  for (const mail& m : mails) got.insert(got.end(), m.numbers.begin(), m.numbers.end());
  EXPECT_EQ(got, sent);
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
