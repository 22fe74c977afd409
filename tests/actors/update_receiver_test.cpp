#include "actors/device/update_receiver.hpp"

#include "actors/offer_content.hpp"
#include "kernels/delta/artefact.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/student_line.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace freshet::actors {
namespace update_receiver_test {

using namespace std::chrono_literals;
using test::fake_outbox;
using test::student_line;
using topology::artefact_chunk;
using topology::artefact_offer;
using topology::chunk_request;

const topology::address deployer{"cloud", "deployer"};
time_point at(duration t) { return time_point{} + t; }

constexpr std::uint32_t chunk = 64;

update_receiver_options options_of(const student_line& line) {
  update_receiver_options o;
  o.device = device_id{5};
  o.deployer = deployer;
  o.parts = line.parts;
  o.line = line.line;
  o.base = line.base;
  o.window_chunks = 4;
  return o;
}

artefact_offer offer_of(const host_tensor& bytes) {
  const auto made = delta::decode_artefact({bytes.data(), bytes.bytes()}, {});
  artefact_offer o;
  o.content = hash_content(bytes.data(), bytes.bytes());
  o.artefact = o.content.value;
  o.snapshot = made->kind == delta::artefact_kind::snapshot;
  o.base = made->base;
  o.next = made->made;
  o.bytes = bytes.bytes();
  o.chunk_bytes = chunk;
  return o;
}

host_tensor snapshot_of(const student_line& line) {
  delta::artefact label;
  label.line = line.line;
  const std::vector<float> base(line.base.as<float>(), line.base.as<float>() + line.base.items());
  auto made = delta::make_snapshot(line.parts, base, line.values, line.number, std::move(label));
  return host_tensor::of(std::move(*delta::encode_artefact(*made)));
}

artefact_chunk piece(const host_tensor& bytes, std::uint64_t artefact, std::uint64_t offset) {
  const auto n = std::min<std::uint64_t>(chunk, bytes.bytes() - offset);
  std::vector<std::uint8_t> part(bytes.data() + offset, bytes.data() + offset + n);
  return {artefact, offset, host_tensor::of(std::move(part))};
}

// Serves every request until nothing is asked any more.
void serve_all(update_receiver& device, const host_tensor& bytes, std::uint64_t artefact, time_point now,
               fake_outbox& out) {
  for (auto asked = out.take<chunk_request>(); !asked.empty(); asked = out.take<chunk_request>()) {
    for (const auto& request : asked) {
      EXPECT_EQ(request.artefact, artefact);
      for (std::uint32_t i = 0; i < request.chunks; ++i) {
        device.handle(deployer, piece(bytes, artefact, request.offset + std::uint64_t{i} * chunk), now, out);
      }
    }
  }
}

bool same(const host_tensor& a, const std::vector<float>& b) { return a == host_tensor::of(b); }

TEST(update_receiver, a_chain_of_updates_becomes_active_one_by_one) {
  student_line line;
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  for (int v = 1; v <= 3; ++v) {
    const auto committed = line.advance();
    const artefact_offer offer = offer_of(committed.artefact);
    ASSERT_TRUE(device.handle(deployer, offer, at(0s), out));
    EXPECT_FALSE(device.take_ready().has_value());
    serve_all(device, committed.artefact, offer.artefact, at(0s), out);
    const auto ready = device.take_ready();
    ASSERT_TRUE(ready.has_value());
    EXPECT_EQ(ready->number, line.number);
    EXPECT_EQ(ready->hash, line.hash());
    EXPECT_TRUE(same(ready->values, line.values));
    EXPECT_FALSE(device.take_ready().has_value()) << "once only";
    EXPECT_EQ(device.report().active.value, line.number.value - 1) << "not active before it is confirmed";
    device.confirm_active(ready->number);
    EXPECT_EQ(device.report().active, line.number);
    EXPECT_EQ(device.report().active_hash, line.hash());
    EXPECT_TRUE(device.report().last_failure.empty());
    ASSERT_TRUE(device.previous().has_value());
    EXPECT_EQ(device.previous()->number.value, line.number.value - 1);
  }
  EXPECT_EQ(device.count().updates, 3U);
  EXPECT_EQ(device.count().snapshots, 0U);
}

TEST(update_receiver, a_snapshot_leads_anywhere_from_anywhere) {
  student_line line;
  for (int i = 0; i < 5; ++i) line.advance();
  update_receiver device(options_of(line), line.all[2], version{2});
  fake_outbox out;
  const host_tensor snapshot = snapshot_of(line);
  const artefact_offer offer = offer_of(snapshot);
  device.handle(deployer, offer, at(0s), out);
  serve_all(device, snapshot, offer.artefact, at(0s), out);
  const auto ready = device.take_ready();
  ASSERT_TRUE(ready.has_value());
  EXPECT_TRUE(same(ready->values, line.values));
  device.confirm_active(version{5});
  // A late repetition of the offer is no news.
  device.handle(deployer, offer, at(1s), out);
  EXPECT_TRUE(out.messages.empty());
}

TEST(update_receiver, keeps_at_most_a_window_on_the_way) {
  student_line line(1, "none", delta::unlimited_bytes);
  const auto committed = line.advance();
  const artefact_offer offer = offer_of(committed.artefact);
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  device.handle(deployer, offer, at(0s), out);
  std::vector<std::uint64_t> on_the_way;
  std::size_t most = 0;
  std::size_t served = 0;
  for (;;) {
    for (const auto& request : out.take<chunk_request>()) {
      for (std::uint64_t i = 0; i < request.chunks; ++i) on_the_way.push_back(request.offset + i * chunk);
    }
    most = std::max(most, on_the_way.size());
    if (on_the_way.empty()) break;
    const std::uint64_t offset = on_the_way.back();  // the wrong way round
    on_the_way.pop_back();
    device.handle(deployer, piece(committed.artefact, offer.artefact, offset), at(0s), out);
    ++served;
  }
  EXPECT_EQ(most, 4U);
  EXPECT_EQ(served, (committed.artefact.bytes() + chunk - 1) / chunk) << "nothing is asked for twice";
  EXPECT_TRUE(device.take_ready().has_value());
}

TEST(update_receiver, asks_again_only_for_what_is_missing_and_ever_later) {
  student_line line(1, "none", delta::unlimited_bytes);
  const auto committed = line.advance();
  const artefact_offer offer = offer_of(committed.artefact);
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  device.handle(deployer, offer, at(0s), out);
  EXPECT_EQ(out.take<chunk_request>().at(0), (chunk_request{device_id{5}, offer.artefact, 0, 4}));
  device.handle(deployer, piece(committed.artefact, offer.artefact, 2 * chunk), at(0s), out);
  out.take<chunk_request>();
  device.tick(at(999ms), out);
  EXPECT_TRUE(out.messages.empty());
  device.tick(at(1s), out);
  auto again = out.take<chunk_request>();
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0], (chunk_request{device_id{5}, offer.artefact, 0, 2}));
  EXPECT_EQ(again[1], (chunk_request{device_id{5}, offer.artefact, 3 * chunk, 2}));
  device.tick(at(2s), out);
  EXPECT_TRUE(out.messages.empty());
  device.tick(at(3s), out);
  EXPECT_FALSE(out.take<chunk_request>().empty());
  // The deployer's next offer of the same artefact wakes it at once, and nothing is begun anew.
  device.handle(deployer, offer, at(4s), out);
  again = out.take<chunk_request>();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again[0].offset, 0U);
  EXPECT_EQ(again[0].chunks, 2U);
}

TEST(update_receiver, corrupted_bytes_are_pulled_again_and_then_refused) {
  student_line line;
  const auto committed = line.advance();
  const artefact_offer offer = offer_of(committed.artefact);
  std::vector<std::uint8_t> bad(committed.artefact.data(), committed.artefact.data() + committed.artefact.bytes());
  bad[bad.size() / 2] ^= 4;
  const host_tensor corrupt = host_tensor::of(bad);
  fake_outbox out;
  {
    update_receiver device(options_of(line), line.base, version{0});
    device.handle(deployer, offer, at(0s), out);
    // Corrupted once, then whole.
    const std::size_t chunks = (offer.bytes + chunk - 1) / chunk;
    std::size_t served = 0;
    for (auto asked = out.take<chunk_request>(); !asked.empty(); asked = out.take<chunk_request>()) {
      for (const auto& r : asked) {
        for (std::uint32_t i = 0; i < r.chunks; ++i) {
          const host_tensor& from = served++ < chunks ? corrupt : committed.artefact;
          device.handle(deployer, piece(from, offer.artefact, r.offset + std::uint64_t{i} * chunk), at(0s), out);
        }
      }
    }
    EXPECT_EQ(served, 2 * chunks);
    EXPECT_TRUE(device.take_ready().has_value());
    EXPECT_TRUE(device.report().last_failure.empty());
  }
  update_receiver device(options_of(line), line.base, version{0});
  device.handle(deployer, offer, at(0s), out);
  serve_all(device, corrupt, offer.artefact, at(0s), out);
  EXPECT_FALSE(device.take_ready().has_value());
  EXPECT_NE(device.report().last_failure.find("hash"), std::string::npos) << device.report().last_failure;
  EXPECT_EQ(device.report().active, version{0});
  // Not again for a while, and then again.
  device.handle(deployer, offer, at(59s), out);
  EXPECT_TRUE(out.messages.empty());
  device.handle(deployer, offer, at(60s), out);
  EXPECT_FALSE(out.messages.empty());
}

TEST(update_receiver, an_update_for_another_base_or_line_is_refused_with_the_reason) {
  student_line line;
  const auto committed = line.advance();
  fake_outbox out;
  // It believes to be on version 0 but holds other values.
  std::vector<float> other(line.base.as<float>(), line.base.as<float>() + line.base.items());
  other[3] += 1;
  update_receiver lost(options_of(line), host_tensor::of(other), version{0});
  const artefact_offer offer = offer_of(committed.artefact);
  lost.handle(deployer, offer, at(0s), out);
  serve_all(lost, committed.artefact, offer.artefact, at(0s), out);
  EXPECT_FALSE(lost.take_ready().has_value());
  EXPECT_NE(lost.report().last_failure.find("0 -> 1"), std::string::npos);
  EXPECT_TRUE(same(lost.active().values, other));
  // The snapshot mends it.
  const host_tensor snapshot = snapshot_of(line);
  lost.handle(deployer, offer_of(snapshot), at(0s), out);
  serve_all(lost, snapshot, offer_of(snapshot).artefact, at(0s), out);
  const auto ready = lost.take_ready();
  ASSERT_TRUE(ready.has_value());
  lost.confirm_active(ready->number);
  EXPECT_TRUE(lost.report().last_failure.empty());

  auto options = options_of(line);
  options.line = content_hash{1};
  update_receiver foreign(options, line.base, version{0});
  foreign.handle(deployer, offer, at(0s), out);
  serve_all(foreign, committed.artefact, offer.artefact, at(0s), out);
  EXPECT_FALSE(foreign.take_ready().has_value());
  EXPECT_NE(foreign.report().last_failure.find("line"), std::string::npos);
}

TEST(update_receiver, offers_that_lie_about_the_artefact_are_refused) {
  student_line line;
  line.advance();
  const auto committed = line.advance();  // 1 -> 2
  fake_outbox out;
  artefact_offer offer = offer_of(committed.artefact);
  offer.base = version{0};
  offer.next = version{7};
  update_receiver device(options_of(line), line.base, version{0});
  device.handle(deployer, offer, at(0s), out);
  serve_all(device, committed.artefact, offer.artefact, at(0s), out);
  EXPECT_FALSE(device.take_ready().has_value());
  EXPECT_NE(device.report().last_failure.find("not what was offered"), std::string::npos);
}

TEST(update_receiver, impossible_offers_take_no_memory) {
  student_line line;
  auto options = options_of(line);
  options.max_artefact_bytes = 10000;
  fake_outbox out;
  artefact_offer offer = offer_of(line.advance().artefact);
  std::uint64_t n = 1;
  for (const auto& [bytes, step] : std::vector<std::pair<std::uint64_t, std::uint32_t>>{
           {10001, 64}, {~std::uint64_t{0}, 1}, {~std::uint64_t{0}, ~0U}, {0, 64}, {100, 0}, {100, (16U << 20) + 1}}) {
    update_receiver device(options, line.base, version{0});
    offer.artefact = n++;
    offer.bytes = bytes;
    offer.chunk_bytes = step;
    device.handle(deployer, offer, at(0s), out);
    EXPECT_TRUE(out.messages.empty()) << bytes << " in " << step;
    EXPECT_EQ(device.count().refused, 1U);
    EXPECT_FALSE(device.report().last_failure.empty());
  }
}

TEST(update_receiver, stray_chunks_do_no_harm) {
  student_line line;
  const auto committed = line.advance();
  const artefact_offer offer = offer_of(committed.artefact);
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  device.handle(deployer, piece(committed.artefact, offer.artefact, 0), at(0s), out);  // before any offer
  device.handle(deployer, offer, at(0s), out);
  device.handle(deployer, piece(committed.artefact, 1, 0), at(0s), out);  // another artefact
  const host_tensor right = host_tensor::of(std::vector<std::uint8_t>(chunk));
  const host_tensor shorter = host_tensor::of(std::vector<std::uint8_t>(chunk - 1));
  const host_tensor not_bytes = host_tensor::of(std::vector<std::int8_t>(chunk));
  device.handle(deployer, artefact_chunk{offer.artefact, 1, right}, at(0s), out);
  device.handle(deployer, artefact_chunk{offer.artefact, 0, shorter}, at(0s), out);
  device.handle(deployer, artefact_chunk{offer.artefact, 0, not_bytes}, at(0s), out);
  device.handle(deployer, artefact_chunk{offer.artefact, std::uint64_t{chunk} << 20, right}, at(0s), out);
  device.handle(deployer, artefact_chunk{offer.artefact, ~std::uint64_t{63}, right}, at(0s), out);
  EXPECT_EQ(device.count().stray_chunks, 7U);
  // From someone else, an answer instead.
  device.handle({"evil", "deployer"}, piece(committed.artefact, offer.artefact, 0), at(0s), out);
  EXPECT_EQ(out.take<topology::error_reply>().size(), 1U);
  EXPECT_FALSE(device.handle(deployer, topology::stats_request{}, at(0s), out));
  serve_all(device, committed.artefact, offer.artefact, at(0s), out);
  EXPECT_TRUE(device.take_ready().has_value());
}

TEST(update_receiver, a_transfer_that_moves_is_not_given_up_but_a_stalled_one_is) {
  student_line line;
  const auto first = line.advance();
  line.advance();
  const host_tensor snapshot = snapshot_of(line);
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  device.handle(deployer, offer_of(first.artefact), at(0s), out);
  out.messages.clear();
  device.handle(deployer, offer_of(snapshot), at(500ms), out);
  EXPECT_TRUE(out.messages.empty());
  device.tick(at(1s), out);
  out.messages.clear();
  device.handle(deployer, offer_of(snapshot), at(1100ms), out);
  serve_all(device, snapshot, offer_of(snapshot).artefact, at(1100ms), out);
  const auto ready = device.take_ready();
  ASSERT_TRUE(ready.has_value());
  EXPECT_EQ(ready->number, version{2});
  // Nothing is pulled over a version that was handed out.
  device.handle(deployer, offer_of(first.artefact), at(1200ms), out);
  EXPECT_TRUE(out.messages.empty());
}

TEST(update_receiver, goes_back_to_the_previous_slot_and_does_not_take_the_bad_version_again) {
  student_line line;
  const auto first = line.advance();
  const artefact_offer offer = offer_of(first.artefact);
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  EXPECT_FALSE(device.go_back("nothing there", at(0s)).has_value());
  device.handle(deployer, offer, at(0s), out);
  serve_all(device, first.artefact, offer.artefact, at(0s), out);
  device.confirm_active(device.take_ready()->number);
  const auto back = device.go_back("answers are empty", at(1s));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->number, version{0});
  EXPECT_EQ(back->values, line.base);
  device.confirm_active(version{0});
  EXPECT_NE(device.report().last_failure.find("answers are empty"), std::string::npos);
  EXPECT_EQ(device.report().active, version{0});
  device.handle(deployer, offer, at(2s), out);
  EXPECT_TRUE(out.messages.empty());
}

TEST(update_receiver, a_rejected_version_leaves_the_active_one) {
  student_line line;
  const auto first = line.advance();
  const artefact_offer offer = offer_of(first.artefact);
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  device.handle(deployer, offer, at(0s), out);
  serve_all(device, first.artefact, offer.artefact, at(0s), out);
  ASSERT_TRUE(device.take_ready().has_value());
  device.reject("logits are not finite", at(0s));
  EXPECT_EQ(device.report().active, version{0});
  EXPECT_NE(device.report().last_failure.find("logits"), std::string::npos);
  EXPECT_FALSE(device.take_ready().has_value());
}

TEST(update_receiver, an_empty_snapshot_of_version_0_leads_back_to_the_base) {
  student_line line;
  line.advance();
  update_receiver device(options_of(line), line.all[1], version{1});
  fake_outbox out;
  artefact_offer offer;
  offer.snapshot = true;
  device.handle(deployer, offer, at(0s), out);
  EXPECT_TRUE(out.messages.empty());
  const auto ready = device.take_ready();
  ASSERT_TRUE(ready.has_value());
  EXPECT_EQ(ready->values, line.base);
  device.confirm_active(version{0});
  EXPECT_EQ(device.report().active_hash, line.hash_of(0));
  device.handle(deployer, offer, at(0s), out);
  EXPECT_FALSE(device.take_ready().has_value());
}

TEST(update_receiver, goes_to_its_second_slot_when_told_and_pulls_nothing) {
  student_line line;
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  const auto first = line.advance();
  const artefact_offer offer = offer_of(first.artefact);
  device.handle(deployer, offer, at(0s), out);
  serve_all(device, first.artefact, offer.artefact, at(0s), out);
  device.confirm_active(device.take_ready()->number);
  EXPECT_EQ(device.report().previous_hash, line.hash_of(0));
  EXPECT_FALSE(device.take_slot({version{0}, content_hash{5}, "other values"}));
  EXPECT_FALSE(device.take_slot({version{7}, line.hash_of(0), "another number"}));
  ASSERT_TRUE(device.take_slot({version{0}, line.hash_of(0), "1 is bad"}));
  const auto back = device.take_ready();
  ASSERT_TRUE(back.has_value());
  EXPECT_FALSE(device.take_slot({version{0}, line.hash_of(0), "again"})) << "it is being swapped in";
  EXPECT_EQ(back->values, line.base);
  device.confirm_active(version{0});
  EXPECT_EQ(device.report().active, version{0});
  EXPECT_EQ(device.report().previous_hash, content_hash{}) << "a bad version is kept nowhere";
  EXPECT_TRUE(device.report().last_failure.empty());
  EXPECT_TRUE(out.messages.empty());
}

TEST(update_receiver, keeps_the_good_version_in_its_second_slot_while_others_come_and_go) {
  student_line line;
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  for (int v = 1; v <= 4; ++v) {
    const auto committed = line.advance();
    artefact_offer offer = offer_of(committed.artefact);
    offer.keep = line.hash_of(1);
    device.handle(deployer, offer, at(0s), out);
    serve_all(device, committed.artefact, offer.artefact, at(0s), out);
    device.confirm_active(device.take_ready()->number);
    EXPECT_EQ(device.report().active, line.number);
    EXPECT_EQ(device.report().previous, version{v == 1 ? 0U : 1U});
  }
}

TEST(update_receiver, says_which_version_failed_its_test) {
  student_line line;
  update_receiver device(options_of(line), line.base, version{0});
  fake_outbox out;
  EXPECT_EQ(device.report().rejected_hash, content_hash{});
  const auto first = line.advance();
  const artefact_offer offer = offer_of(first.artefact);
  device.handle(deployer, offer, at(0s), out);
  serve_all(device, first.artefact, offer.artefact, at(0s), out);
  ASSERT_TRUE(device.take_ready().has_value());
  device.reject("too slow", at(0s));
  EXPECT_EQ(device.report().rejected, version{1});
  EXPECT_EQ(device.report().rejected_hash, line.hash_of(1));
}

}  // namespace update_receiver_test
}  // namespace freshet::actors
