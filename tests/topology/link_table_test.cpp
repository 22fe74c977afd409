#include "topology/flow/link_table.hpp"

#include "kernels/base/rng.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace freshet::topology {
namespace {

using namespace std::chrono_literals;

const address device{"d1", "device"};
const address teacher{"cloud", "teacher"};

/// Two ends and a clock; parcels pass when the test says so.
struct link_table_test : testing::Test {
  link_table sender{device, epoch{10}};
  link_table receiver{teacher, epoch{20}};
  time_point now{};
  std::vector<std::uint64_t> core;  ///< what the receiver's core was given

  static pace numbered(std::uint64_t n) { return {n, 0, 0}; }

  void send(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t n = first; n <= last; ++n) sender.send(teacher, numbered(n), now);
  }
  /// What the core of `to` is given for a parcel.
  std::vector<shared_message> given(link_table& to, const parcel& p) const {
    std::vector<shared_message> messages;
    to.receive(p, now, messages);
    return messages;
  }
  void deliver(const std::vector<parcel>& parcels) {
    for (const auto& p : parcels) {
      link_table& to = p.head.to == device ? sender : receiver;
      for (const auto& m : given(to, p)) {
        if (const auto* got = std::get_if<pace>(&*m)) core.push_back(got->tick);
      }
    }
  }
  /// Until neither has anything to say at this moment.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      deliver(sender.take_outgoing(now));
      deliver(receiver.take_outgoing(now));
    }
  }
  void settle_after(duration d) {
    now += d;
    settle();
  }
  static link_state state(const link_table& t) {
    const auto all = t.states();
    return all.size() == 1 ? all[0] : link_state{};
  }
  static parcel from(const address& who, epoch life, const address& to, any_message m) {
    parcel p;
    p.head.from = who;
    p.head.to = to;
    p.head.life = life;
    p.head.type = number_of(m);
    p.body = std::move(m);
    return p;
  }
  static parcel hello(epoch life, std::uint64_t challenge, const address& who = device) {
    parcel p = from(who, life, teacher, link_hello{life});
    p.head.correlation = challenge;
    return p;
  }
  static parcel numbered(epoch life, std::uint64_t number, epoch to_life = epoch{20}) {
    parcel p = from(device, life, teacher, pace{number, 0, 0});
    p.head.number = number;
    p.head.to_life = to_life;
    return p;
  }
  static parcel ack(epoch receiver_life, std::uint64_t received, std::uint32_t credit, std::uint64_t echo = 0) {
    parcel p = from(teacher, receiver_life, device, link_ack{epoch{10}, receiver_life, received, credit});
    p.head.correlation = echo;
    return p;
  }
};
using numbers = std::vector<std::uint64_t>;

TEST_F(link_table_test, the_dialogue_of_a_first_message) {
  send(1, 1);
  const auto first = sender.take_outgoing(now);
  ASSERT_EQ(first.size(), 1U) << "nothing is numbered before the receiver's life is known";
  EXPECT_TRUE(std::holds_alternative<link_hello>(*first[0].body));
  EXPECT_EQ(first[0].head.correlation, 1U);

  EXPECT_TRUE(given(receiver, first[0]).empty());
  const auto answer = receiver.take_outgoing(now);
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_TRUE(std::get<link_ack>(*answer[0].body) == (link_ack{epoch{10}, epoch{20}, 0, 4}));
  EXPECT_EQ(answer[0].head.correlation, 1U);

  given(sender, answer[0]);
  const auto bulk = sender.take_outgoing(now);
  ASSERT_EQ(bulk.size(), 1U);
  EXPECT_EQ(bulk[0].head.number, 1U);
  EXPECT_EQ(bulk[0].head.life, epoch{10});
  EXPECT_EQ(bulk[0].head.to_life, epoch{20});
  EXPECT_EQ(bulk[0].head.type, message_traits<pace>::number);

  const auto got = given(receiver, bulk[0]);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(state(sender).in_flight, 1U) << "received, but not yet acknowledged";
  const auto done = receiver.take_outgoing(now);
  ASSERT_EQ(done.size(), 1U);
  EXPECT_TRUE(std::get<link_ack>(*done[0].body) == (link_ack{epoch{10}, epoch{20}, 1, 3}));
  given(sender, done[0]);
  EXPECT_EQ(state(sender).in_flight, 0U);
  EXPECT_EQ(state(sender).acknowledged, 1U);
}

TEST_F(link_table_test, control_overtakes_bulk_and_needs_no_credit) {
  receiver.grant(device, 1, now);
  send(1, 5);
  settle();
  EXPECT_EQ(core, numbers{1});
  receiver.grant(device, 8, now);
  deliver(receiver.take_outgoing(now));
  sender.send(teacher, artefact_chunk{}, now);
  sender.send(teacher, device_report{}, now);
  const auto out = sender.take_outgoing(now);
  ASSERT_EQ(out.size(), 6U);
  EXPECT_EQ(out.front().head.type, message_traits<device_report>::number);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(out[i].head.number, i + 1);
  EXPECT_EQ(out.back().head.type, message_traits<artefact_chunk>::number);
  EXPECT_EQ(out.front().head.number, 0U);
}

TEST_F(link_table_test, what_a_link_holds_is_bounded_in_bytes_too) {
  link_table::options small;
  small.queue_bytes = 1000;
  link_table tight{device, epoch{10}, small};
  const auto large = [] {
    observation_batch b;
    b.patches = host_tensor::of(std::vector<std::uint8_t>(900));
    return b;
  };
  EXPECT_EQ(tight.room(teacher), small.queue_limit);
  tight.send(teacher, numbered(1), now);
  EXPECT_EQ(tight.room(teacher), small.queue_limit - 1);
  tight.send(teacher, large(), now);
  EXPECT_EQ(tight.room(teacher), 0U) << "900 bytes of patches and what a batch takes itself";
  EXPECT_DEATH(tight.send(teacher, numbered(3), now), "no room on the link to cloud/teacher for pace");

  for (const auto& p : tight.take_outgoing(now)) given(receiver, p);
  for (const auto& p : receiver.take_outgoing(now)) given(tight, p);
  for (const auto& p : tight.take_outgoing(now)) given(receiver, p);
  for (const auto& p : receiver.take_outgoing(now)) given(tight, p);
  EXPECT_EQ(tight.room(teacher), small.queue_limit) << "acknowledged";
}

TEST_F(link_table_test, room_is_what_the_queue_has_left) {
  const std::size_t limit = link_table::options{}.queue_limit;
  EXPECT_EQ(sender.room(teacher), limit);
  send(1, limit);
  EXPECT_EQ(sender.room(teacher), 0U);
  settle();
  EXPECT_EQ(sender.room(teacher), 4U) << "the initial credit went through";
  EXPECT_DEATH(send(limit + 1, limit + 5), "no room on the link to cloud/teacher for pace");
}

TEST_F(link_table_test, no_more_than_granted_reaches_the_core) {
  send(1, 20);
  settle();
  EXPECT_EQ(core, (numbers{1, 2, 3, 4}));
  settle_after(10s);
  EXPECT_EQ(core.size(), 4U);
  receiver.grant(device, 2, now);
  settle();
  EXPECT_EQ(core.size(), 6U);
  EXPECT_EQ(state(sender).resends, 0U);
  EXPECT_EQ(receiver.senders(), std::vector<address>{device});
}

TEST_F(link_table_test, a_lost_credit_update_costs_one_hello_period) {
  send(1, 6);
  settle();
  receiver.grant(device, 2, now);
  EXPECT_FALSE(receiver.take_outgoing(now).empty()) << "the update; it is lost";
  settle_after(900ms);
  EXPECT_EQ(core.size(), 4U);
  settle_after(100ms);
  EXPECT_EQ(core.size(), 6U);
}

TEST_F(link_table_test, credit_taken_back_leaves_messages_with_the_sender) {
  send(1, 4);
  deliver(sender.take_outgoing(now));
  deliver(receiver.take_outgoing(now));
  receiver.grant(device, 1, now);
  deliver(sender.take_outgoing(now));  // four, sent on the old credit
  EXPECT_EQ(core, numbers{1});
  receiver.grant(device, 0, now);
  settle_after(20s);
  EXPECT_EQ(core, numbers{1});
  EXPECT_EQ(state(sender).resends, 0U) << "nothing is resent without credit";
  receiver.grant(device, 3, now);
  settle();
  settle_after(600ms);
  EXPECT_EQ(core, (numbers{1, 2, 3, 4}));
}

TEST_F(link_table_test, a_gap_is_buffered_and_filled) {
  send(1, 3);
  deliver(sender.take_outgoing(now));
  deliver(receiver.take_outgoing(now));
  auto bulk = sender.take_outgoing(now);
  bulk.erase(bulk.begin());
  deliver(bulk);
  EXPECT_TRUE(core.empty());
  EXPECT_EQ(state(receiver).buffered, 2U);
  deliver(bulk);
  EXPECT_EQ(state(receiver).duplicates, 2U);
  settle_after(500ms);
  EXPECT_EQ(core, (numbers{1, 2, 3}));
  EXPECT_EQ(state(sender).resends, 1U) << "only the missing one";
}

TEST_F(link_table_test, resends_back_off_to_the_cap) {
  send(1, 1);
  deliver(sender.take_outgoing(now));
  deliver(receiver.take_outgoing(now));
  std::vector<duration> sent;
  const time_point start = now;
  for (; now < start + 20s; now += 100ms) {
    for (const auto& p : sender.take_outgoing(now)) {
      if (p.head.number > 0) {
        sent.push_back(now - start);
      } else {
        given(receiver, p);  // hellos pass, so the peer is alive; bulk is lost
      }
    }
    deliver(receiver.take_outgoing(now));
  }
  EXPECT_EQ(sent, (std::vector<duration>{0ms, 500ms, 1500ms, 3500ms, 7500ms, 12500ms, 17500ms}));
}

TEST_F(link_table_test, a_restarted_receiver_gets_what_was_not_acknowledged) {
  receiver.grant(device, 2, now);
  send(1, 5);
  settle();
  EXPECT_EQ(core, (numbers{1, 2}));
  receiver = link_table(teacher, epoch{21});
  settle_after(1s);
  EXPECT_EQ(core, (numbers{1, 2, 3, 4, 5}));
  EXPECT_EQ(state(sender).peer_life, epoch{21});
}

TEST_F(link_table_test, handled_but_not_acknowledged_comes_again_to_the_next_life) {
  send(1, 1);
  deliver(sender.take_outgoing(now));
  deliver(receiver.take_outgoing(now));
  deliver(sender.take_outgoing(now));
  receiver = link_table(teacher, epoch{21});  // before it could acknowledge
  settle_after(1s);
  EXPECT_EQ(core, (numbers{1, 1}));
}

TEST_F(link_table_test, a_late_answer_of_a_dead_receiver_changes_nothing) {
  send(1, 2);
  const auto question = sender.take_outgoing(now);
  link_table dead(teacher, epoch{19});
  given(dead, question[0]);
  const auto late = dead.take_outgoing(now);
  ASSERT_EQ(late.size(), 1U);
  deliver(question);  // a repeated copy reaches the successor too
  settle();
  ASSERT_EQ(core, (numbers{1, 2}));
  deliver(late);
  send(3, 3);
  settle();
  settle_after(5s);
  EXPECT_EQ(core, (numbers{1, 2, 3}));
  EXPECT_EQ(state(sender).peer_life, epoch{20});
}

TEST_F(link_table_test, a_restarted_sender_begins_anew_and_the_dead_one_is_forgotten) {
  send(1, 2);
  settle();
  auto of_the_dead = numbered(epoch{10}, 3);
  sender = link_table(device, epoch{11});
  send(101, 102);
  settle();
  EXPECT_EQ(core, (numbers{1, 2, 101, 102}));
  receiver.grant(device, 8, now);
  deliver({hello(epoch{10}, 2), of_the_dead});
  send(103, 103);
  settle();
  EXPECT_EQ(core, (numbers{1, 2, 101, 102, 103}));
}

TEST_F(link_table_test, a_life_that_spoke_before_the_present_one_is_never_heard) {
  deliver({hello(epoch{10}, 1), hello(epoch{11}, 1), numbered(epoch{11}, 1)});
  EXPECT_EQ(core, numbers{1});
  deliver({hello(epoch{10}, 1), numbered(epoch{10}, 1)});
  EXPECT_EQ(core, numbers{1});
  deliver({numbered(epoch{11}, 2)});
  EXPECT_EQ(core, (numbers{1, 2}));
}

TEST_F(link_table_test, a_receiver_that_dropped_the_link_is_found_out) {
  send(1, 3);
  settle();
  settle_after(1s);
  receiver.forget(device);
  send(4, 5);
  settle_after(3s);
  settle_after(3s);
  EXPECT_EQ(core, (numbers{1, 2, 3, 4, 5}));
}

TEST_F(link_table_test, a_sender_that_dropped_the_link_goes_on_with_the_stream) {
  send(1, 2);
  settle();
  sender.forget(teacher);
  send(3, 4);
  settle();
  EXPECT_EQ(core, (numbers{1, 2, 3, 4}));
}

TEST_F(link_table_test, a_silent_peer_gets_hellos_only_and_everything_when_it_speaks) {
  send(1, 4);
  settle();
  receiver.grant(device, 4, now);
  settle();
  send(5, 6);
  for (int second = 0; second < 60; ++second) {
    now += 1s;
    std::size_t bulk = 0;
    for (const auto& p : sender.take_outgoing(now)) bulk += p.head.number > 0 ? 1 : 0;
    if (second >= 6) {
      EXPECT_EQ(bulk, 0U) << second;
    }
  }
  EXPECT_FALSE(state(sender).alive);
  settle_after(1s);
  EXPECT_EQ(core, (numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(state(sender).alive);
}

// --- hostile peers ------------------------------------------------------------------------------

TEST_F(link_table_test, number_jumps_are_refused) {
  deliver({hello(epoch{10}, 1), numbered(epoch{10}, 1)});
  deliver({numbered(epoch{10}, 6), numbered(epoch{10}, 0), numbered(epoch{10}, UINT64_MAX),
           numbered(epoch{10}, UINT64_MAX - 1)});
  EXPECT_EQ(core, numbers{1});
  EXPECT_EQ(state(receiver).refused, 4U);
  EXPECT_EQ(state(receiver).buffered, 0U);
}

TEST_F(link_table_test, bulk_without_a_hello_or_for_another_life_is_not_taken) {
  deliver({numbered(epoch{10}, 1)});
  EXPECT_TRUE(core.empty());
  EXPECT_EQ(state(receiver).refused, 1U);
  deliver({hello(epoch{10}, 1), numbered(epoch{10}, 1, epoch{19}), numbered(epoch{10}, 1, epoch{})});
  EXPECT_TRUE(core.empty());
  const auto out = receiver.take_outgoing(now);
  ASSERT_EQ(out.size(), 2U) << "the answer to the hello, and one announcement of the present life";
  EXPECT_TRUE(std::get<link_hello>(*out[1].body) == link_hello{epoch{20}});
}

TEST_F(link_table_test, an_ack_of_the_future_is_refused) {
  send(1, 3);
  settle();
  const auto before = state(sender);
  deliver({ack(epoch{20}, 4, 100), ack(epoch{20}, UINT64_MAX, 100), ack(epoch{20}, 0, 0, 999),
           ack(epoch{77}, 3, 100, 999)});
  const auto after = state(sender);
  EXPECT_EQ(after.refused, 4U);
  EXPECT_EQ(after.acknowledged, before.acknowledged);
  EXPECT_EQ(after.credit, before.credit);
  EXPECT_EQ(after.peer_life, epoch{20});
}

TEST_F(link_table_test, an_old_ack_takes_nothing_back) {
  receiver.grant(device, 8, now);
  send(1, 8);
  settle();
  deliver({ack(epoch{20}, 3, 50)});
  EXPECT_EQ(state(sender).credit, 0U);
  EXPECT_EQ(state(sender).acknowledged, 8U);
}

TEST_F(link_table_test, forged_lives_do_not_push_out_the_living) {
  deliver({hello(epoch{10}, 1), numbered(epoch{10}, 1)});
  for (std::uint64_t life = 1000; life < 6000; ++life) deliver({hello(epoch{life}, 1), numbered(epoch{life}, 9)});
  EXPECT_LE(receiver.take_outgoing(now).size(), 9U) << "answers are bounded";
  deliver({numbered(epoch{10}, 2)});
  // A forger that knows our life and counts from 1 is a peer like any other under that name: that
  // names belong to keys is the transport's to hold.
  EXPECT_EQ(core, (numbers{1, 2}));
}

TEST_F(link_table_test, a_life_that_contradicts_its_envelope_is_refused) {
  auto lie = hello(epoch{10}, 1);
  lie.body = link_hello{epoch{11}};
  deliver({lie});
  EXPECT_EQ(state(receiver).refused, 1U);
  EXPECT_TRUE(receiver.take_outgoing(now).empty());
  auto nobody = hello(epoch{10}, 1);
  nobody.head.life = epoch{};
  deliver({nobody});
  EXPECT_TRUE(receiver.take_outgoing(now).empty());
}

TEST_F(link_table_test, the_table_is_bounded_and_prefers_the_living) {
  link_table::options few;
  few.peer_limit = 10;
  receiver = link_table(teacher, epoch{20}, few);
  deliver({hello(epoch{10}, 1), numbered(epoch{10}, 1)});
  for (int i = 0; i < 5000; ++i) deliver({hello(epoch{1}, 1, address{"forged" + std::to_string(i), "x"})});
  EXPECT_EQ(receiver.states().size(), 10U);
  EXPECT_EQ(receiver.room(address{"new", "x"}), 0U);
  deliver({numbered(epoch{10}, 2)});
  EXPECT_EQ(core, (numbers{1, 2}));

  now += 6s;  // all are silent; those heard of longest ago make room
  deliver({hello(epoch{10}, 2)});
  for (int i = 0; i < 5000; ++i) deliver({hello(epoch{1}, 1, address{"later" + std::to_string(i), "x"})});
  EXPECT_EQ(receiver.states().size(), 10U);
  deliver({numbered(epoch{10}, 3)});
  EXPECT_EQ(core, (numbers{1, 2, 3}));
}

TEST_F(link_table_test, passing_clients_leave_no_trace) {
  const auto got = given(receiver, from({"console", "top"}, epoch{5}, teacher, stats_request{"all"}));
  ASSERT_EQ(got.size(), 1U);
  deliver({ack(epoch{5}, 1, 1)});
  EXPECT_TRUE(receiver.states().empty());
  EXPECT_FALSE(receiver.next_due().has_value());
}

TEST_F(link_table_test, nonsense_of_every_kind_is_survived) {
  rng random(5);
  send(1, 3);
  settle();
  const auto small = [&] { return random.chance(0.1) ? random.next() : random.below(24); };
  for (int i = 0; i < 50000; ++i) {
    now += duration{static_cast<std::int64_t>(random.below(50'000'000))};
    parcel p;
    const epoch life{small()};
    switch (random.below(3)) {
      case 0:
        p = hello(life, small());
        break;
      case 1:
        p = numbered(life, small(), epoch{small()});
        break;
      default:
        p = ack(life, small(), static_cast<std::uint32_t>(small()), small());
        break;
    }
    link_table& victim = random.chance(0.5) ? sender : receiver;
    p.head.from = &victim == &sender ? teacher : device;
    given(victim, p);
    if (sender.room(teacher) > 0 && random.chance(0.2)) sender.send(teacher, numbered(1), now);
    victim.take_outgoing(now);
    const auto s = state(sender);
    ASSERT_LE(s.queued + s.in_flight, link_table::options{}.queue_limit);
    ASSERT_LE(state(receiver).buffered, 4U);
    const auto due = victim.next_due();
    ASSERT_TRUE(!due || *due > now);
  }
}

}  // namespace
}  // namespace freshet::topology
