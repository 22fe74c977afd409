#include "actors/deployer/deployer_core.hpp"
#include "actors/deployer/transfer_slots.hpp"
#include "actors/deployer/version_store.hpp"
#include "actors/offer_content.hpp"
#include "kernels/delta/artefact.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/student_line.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace deployer_test {

using namespace std::chrono_literals;
using test::fake_outbox;
using test::student_line;
using topology::artefact_chunk;
using topology::artefact_offer;
using topology::chunk_request;
using topology::device_report;
using topology::error_reply;

const topology::address distiller{"cloud", "distiller"};
topology::address device(std::uint32_t id) { return {"edge-" + std::to_string(id), "device"}; }
time_point at(duration t) { return time_point{} + t; }

deployer_options options_of(const student_line& line) {
  deployer_options o;
  o.distiller = distiller;
  o.parts = line.parts;
  o.line = line.line;
  o.base = line.base;
  o.chunk_bytes = 100;
  o.window_chunks = 3;
  o.rollout.waves = false;  // rollout_test and rollout_fleet_test are about these
  o.rollout.gate = false;
  return o;
}

std::unique_ptr<role_core> deployer_of(deployer_options o) { return std::move(*make_deployer(std::move(o))); }

device_report report_of(const student_line& line, std::uint32_t id, std::uint64_t v, std::string failure = "") {
  device_report r;
  r.device = device_id{id};
  r.line = line.line;
  r.active = version{v};
  r.active_hash = line.hash_of(v);
  r.last_failure = std::move(failure);
  return r;
}

// Reports until an offer comes: a snapshot is made in between by work().
std::optional<artefact_offer> offer_for(role_core& core, const topology::address& from, const device_report& r,
                                        time_point now, fake_outbox& out) {
  core.handle(from, r, now, out);
  while (core.work(now, out)) {
  }
  auto offers = out.take<artefact_offer>();
  EXPECT_LE(offers.size(), 1U);
  if (offers.empty()) return std::nullopt;
  return offers[0];
}

nlohmann::json stats(const role_core& core) { return nlohmann::json::parse(core.stats_json()); }

TEST(version_store, keeps_a_bounded_chain_that_devices_can_walk) {
  student_line line;
  version_store store({line.parts, line.line, line.base, 3, {}});
  std::vector<std::uint64_t> bytes;
  for (int v = 1; v <= 5; ++v) {
    const auto committed = line.advance();
    bytes.push_back(committed.artefact.bytes());
    EXPECT_EQ(*store.commit(committed), version_store::news::step);
    EXPECT_EQ(*store.commit(committed), version_store::news::nothing);
    EXPECT_EQ(*store.commit(line.announce()), version_store::news::nothing);
  }
  EXPECT_EQ(store.steps(), 3U);
  const auto way = store.chain_from({version{3}, line.hash_of(3)}, *store.newest());
  ASSERT_TRUE(way.has_value());
  EXPECT_EQ(way->steps, 2U);
  EXPECT_EQ(way->bytes, bytes[3] + bytes[4]);
  EXPECT_EQ(way->first->next, version{4});
  EXPECT_FALSE(store.chain_from({version{1}, line.hash_of(1)}, *store.newest()).has_value()) << "too long ago";
  EXPECT_FALSE(store.chain_from({version{3}, content_hash{1}}, *store.newest()).has_value()) << "not the version that we know";
  ASSERT_TRUE(store.make_snapshot(*store.newest()).ok());
  const auto made = delta::decode_artefact({store.snapshot_of(*store.newest())->bytes.data(), store.snapshot_of(*store.newest())->bytes.bytes()}, {});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->teacher, "big");
  std::vector<float> values(line.base.as<float>(), line.base.as<float>() + line.base.items());
  EXPECT_EQ(*delta::apply_artefact(*made, line.parts, line.line, version{0}, values), version{5});
  EXPECT_EQ(values, line.values);
}

TEST(version_store, an_update_that_does_not_lead_there_never_reaches_a_device) {
  student_line line;
  version_store store({line.parts, line.line, line.base, 8, {}});
  ASSERT_TRUE(store.commit(line.advance()).ok());
  auto corrupt = line.advance();
  std::vector<std::uint8_t> bytes(corrupt.artefact.data(), corrupt.artefact.data() + corrupt.artefact.bytes());
  bytes[bytes.size() / 2] ^= 1;
  corrupt.artefact = host_tensor::of(bytes);
  EXPECT_EQ(*store.commit(corrupt), version_store::news::jump);
  EXPECT_FALSE(store.jump_reason().empty());
  EXPECT_EQ(store.steps(), 0U);
  EXPECT_EQ(store.newest()->number, version{2});

  auto lies = line.advance();
  lies.result = content_hash{1};
  EXPECT_EQ(store.commit(lies).err().code, errc::hash_mismatch);
  lies = line.announce();
  lies.values = host_tensor::of(std::vector<float>(3));
  EXPECT_EQ(store.commit(lies).err().code, errc::shape_mismatch);
  lies = line.announce();
  lies.line = content_hash{1};
  EXPECT_EQ(store.commit(lies).err().code, errc::wrong_base);
  EXPECT_EQ(store.newest()->number, version{2});
}

TEST(transfer_slots, are_bounded_and_handed_on_in_order) {
  const auto what = std::make_shared<const stored_artefact>();
  transfer_slots::options options;
  options.slots = 2;
  options.idle = 10s;
  options.turn = 60s;
  transfer_slots slots(options);
  EXPECT_TRUE(slots.take(device_id{1}, what, at(0s)));
  EXPECT_TRUE(slots.take(device_id{2}, what, at(0s)));
  EXPECT_TRUE(slots.take(device_id{2}, what, at(0s)));
  EXPECT_FALSE(slots.take(device_id{3}, what, at(0s)));
  EXPECT_FALSE(slots.take(device_id{3}, what, at(0s)));
  EXPECT_FALSE(slots.take(device_id{4}, what, at(0s)));
  EXPECT_EQ(slots.waiting(), 2U);
  EXPECT_FALSE(slots.next().has_value());
  slots.touch(device_id{2}, at(9s));
  slots.expire(at(10s));  // 1 is silent
  EXPECT_EQ(slots.at(device_id{1}), nullptr);
  EXPECT_EQ(slots.next(), device_id{3});
  EXPECT_TRUE(slots.take(device_id{3}, what, at(10s)));
  for (auto t = 10s; t <= 60s; t += 5s) {
    slots.touch(device_id{2}, at(t));
    slots.touch(device_id{3}, at(t));
    slots.expire(at(t));
  }
  // 2 has had its turn while 4 waits; it goes to the end of the line.
  EXPECT_EQ(slots.at(device_id{2}), nullptr);
  EXPECT_EQ(slots.next(), device_id{4});
  EXPECT_TRUE(slots.take(device_id{4}, what, at(60s)));
  EXPECT_FALSE(slots.next().has_value());
  slots.release(device_id{3});
  EXPECT_EQ(slots.next(), device_id{2});
}

TEST(deployer, says_nothing_before_a_version_is_committed) {
  student_line line;
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  core->start(at(0s), out);
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 0), at(0s), out).has_value());
  EXPECT_TRUE(stats(*core).at("desired_version").is_null());
  core->handle(distiller, line.announce(), at(1s), out);
  EXPECT_EQ(stats(*core).at("desired_version"), 0U);
  EXPECT_EQ(stats(*core).at("converged"), 1U);
  EXPECT_EQ(stats(*core).at("chain_breaks"), 0U);
  EXPECT_TRUE(out.messages.empty());
}

TEST(deployer, offers_the_step_at_once_and_again_with_every_report) {
  student_line line;
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  core->handle(device(1), report_of(line, 1, 0), at(0s), out);
  const auto committed = line.advance();
  core->handle(distiller, committed, at(0s), out);
  const auto offers = out.take<artefact_offer>();
  ASSERT_EQ(offers.size(), 1U);
  EXPECT_FALSE(offers[0].snapshot);
  EXPECT_EQ(offers[0].next, version{1});
  EXPECT_EQ(offers[0].bytes, committed.artefact.bytes());
  EXPECT_EQ(offers[0].content, hash_content(committed.artefact.data(), committed.artefact.bytes()));
  EXPECT_EQ(offer_for(*core, device(1), report_of(line, 1, 0), at(1s), out), offers[0]) << "the first one got lost";
  EXPECT_EQ(stats(*core).at("chains"), 1U);
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 1), at(2s), out).has_value());
  EXPECT_EQ(stats(*core).at("converged"), 1U);
  EXPECT_EQ(stats(*core).at("transfers"), 0U);
}

TEST(deployer, sends_the_chunks_that_are_asked_for) {
  student_line line;
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  const auto committed = line.advance();
  core->handle(distiller, committed, at(0s), out);
  const auto offer = offer_for(*core, device(1), report_of(line, 1, 0), at(0s), out);
  ASSERT_TRUE(offer.has_value());
  std::vector<std::uint8_t> got(offer->bytes);
  for (std::uint64_t offset = 0; offset < offer->bytes; offset += 300) {
    core->handle(device(1), chunk_request{device_id{1}, offer->artefact, offset, 50}, at(0s), out);
    const auto chunks = out.take<artefact_chunk>();
    EXPECT_LE(chunks.size(), 3U) << "window_chunks bounds an answer";
    for (const auto& c : chunks) {
      EXPECT_EQ(c.artefact, offer->artefact);
      std::copy(c.bytes.data(), c.bytes.data() + c.bytes.bytes(), got.data() + c.offset);
    }
  }
  EXPECT_EQ(got, std::vector<std::uint8_t>(committed.artefact.data(), committed.artefact.data() + got.size()));
  EXPECT_EQ(stats(*core).at("bytes_sent"), offer->bytes);
  core->handle(device(1), chunk_request{device_id{1}, offer->artefact, offer->bytes + 1000, 3}, at(0s), out);
  core->handle(device(1), chunk_request{device_id{1}, offer->artefact, ~std::uint64_t{0}, ~0U}, at(0s), out);
  EXPECT_TRUE(out.messages.empty());
  // Another artefact, or one of a former life: a fresh offer.
  core->handle(device(1), chunk_request{device_id{1}, 99, 0, 3}, at(0s), out);
  EXPECT_EQ(out.take<artefact_offer>().size(), 1U);
  // Someone who has not reported, or not from there.
  core->handle(device(2), chunk_request{device_id{2}, offer->artefact, 0, 3}, at(0s), out);
  core->handle(device(2), chunk_request{device_id{1}, offer->artefact, 0, 3}, at(0s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 2U);
  EXPECT_EQ(out.count<artefact_chunk>(), 0U);
}

TEST(deployer, chooses_the_way_of_fewer_bytes) {
  student_line line(3, "dwc", 900);
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  std::uint64_t chain_bytes = 0;
  bool chains = false;
  bool snapshots = false;
  for (int v = 1; v <= 7; ++v) {
    const auto committed = line.advance();
    chain_bytes += committed.artefact.bytes();
    core->handle(distiller, committed, at(0s), out);
    out.messages.clear();
    const auto id = static_cast<std::uint32_t>(v);
    const auto offer = offer_for(*core, device(id), report_of(line, id, 0), at(0s), out);
    ASSERT_TRUE(offer.has_value());
    const std::uint64_t snapshot_bytes = stats(*core).at("snapshot_bytes").get<std::uint64_t>();
    if (v == 1) {
      EXPECT_FALSE(offer->snapshot);
      EXPECT_EQ(snapshot_bytes, 0U) << "made only when somebody may need it";
      continue;
    }
    EXPECT_EQ(offer->snapshot, snapshot_bytes < chain_bytes) << chain_bytes << " against " << snapshot_bytes;
    EXPECT_EQ(offer->next, version{offer->snapshot ? static_cast<std::uint64_t>(v) : 1U});
    (offer->snapshot ? snapshots : chains) = true;
  }
  EXPECT_TRUE(chains && snapshots) << "the test must see both";
}

TEST(deployer, a_long_chain_is_not_walked) {
  student_line line(3, "dwc", 60);
  auto options = options_of(line);
  options.prefer_snapshot_after = 2;
  auto core = deployer_of(options);
  fake_outbox out;
  for (int v = 1; v <= 3; ++v) core->handle(distiller, line.advance(), at(0s), out);
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 1), at(0s), out)->snapshot);
  EXPECT_TRUE(offer_for(*core, device(2), report_of(line, 2, 0), at(0s), out)->snapshot);
}

TEST(deployer, unknown_and_differing_states_get_a_snapshot) {
  student_line line;
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  core->handle(distiller, line.advance(), at(0s), out);
  core->handle(distiller, line.advance(), at(0s), out);
  device_report odd = report_of(line, 1, 1);
  odd.active_hash = content_hash{5};
  EXPECT_TRUE(offer_for(*core, device(1), odd, at(0s), out)->snapshot);
  odd = report_of(line, 2, 2);
  odd.active_hash = content_hash{5};  // the right number, other values
  EXPECT_TRUE(offer_for(*core, device(2), odd, at(0s), out)->snapshot);
  odd = report_of(line, 3, 1);
  odd.active = version{44};  // from a future that is no more
  EXPECT_TRUE(offer_for(*core, device(3), odd, at(0s), out)->snapshot);
  EXPECT_EQ(stats(*core).at("snapshots_made"), 1U);
}

TEST(deployer, a_failed_update_is_followed_by_a_snapshot_and_failed_snapshots_by_longer_waits) {
  student_line line;
  auto options = options_of(line);
  options.retry_after = 2s;
  auto core = deployer_of(options);
  fake_outbox out;
  core->handle(distiller, line.advance(), at(0s), out);
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 0), at(0s), out)->snapshot);
  EXPECT_TRUE(offer_for(*core, device(1), report_of(line, 1, 0, "refusal 1"), at(1s), out)->snapshot);
  EXPECT_TRUE(offer_for(*core, device(1), report_of(line, 1, 0, "refusal 1"), at(1s), out)->snapshot);
  EXPECT_EQ(stats(*core).at("failures"), 1U) << "a repeated report is not a new failure";
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 0, "refusal 2"), at(2s), out).has_value());
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 0, "refusal 2"), at(3s), out).has_value());
  EXPECT_TRUE(offer_for(*core, device(1), report_of(line, 1, 0, "refusal 2"), at(4s), out)->snapshot);
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 0, "refusal 3"), at(5s), out).has_value());
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 0, "refusal 3"), at(8s), out).has_value());
  EXPECT_TRUE(offer_for(*core, device(1), report_of(line, 1, 0, "refusal 3"), at(9s), out)->snapshot);
  // Once it has activated something all is forgotten.
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 1), at(10s), out).has_value());
  core->handle(distiller, line.advance(), at(10s), out);
  EXPECT_FALSE(out.take<artefact_offer>().at(0).snapshot);
}

TEST(deployer, a_device_of_another_line_is_left_alone) {
  student_line line;
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  core->handle(distiller, line.advance(), at(0s), out);
  device_report foreign = report_of(line, 1, 0);
  foreign.line = content_hash{9};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(offer_for(*core, device(1), foreign, at(0s), out).has_value());
  EXPECT_EQ(out.logged(log_level::warn), 1U);
  EXPECT_EQ(stats(*core).at("foreign"), 1U);
  EXPECT_EQ(stats(*core).at("lagging"), 0U);
}

TEST(deployer, a_transfer_is_finished_though_newer_versions_come) {
  student_line line;
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  core->handle(distiller, line.advance(), at(0s), out);
  const auto first = offer_for(*core, device(1), report_of(line, 1, 0), at(0s), out);
  core->handle(distiller, line.advance(), at(1s), out);
  EXPECT_EQ(out.take<artefact_offer>().at(0), *first);
  core->handle(device(1), chunk_request{device_id{1}, first->artefact, 0, 1}, at(2s), out);
  EXPECT_EQ(out.take<artefact_chunk>().size(), 1U);
  EXPECT_EQ(offer_for(*core, device(1), report_of(line, 1, 1), at(3s), out)->next, version{2});
}

TEST(deployer, silent_devices_hold_up_nobody) {
  student_line line;
  auto options = options_of(line);
  options.transfers.slots = 2;
  options.transfers.idle = 5s;
  auto core = deployer_of(options);
  fake_outbox out;
  core->handle(distiller, line.advance(), at(0s), out);
  EXPECT_TRUE(offer_for(*core, device(1), report_of(line, 1, 0), at(0s), out).has_value());
  EXPECT_TRUE(offer_for(*core, device(2), report_of(line, 2, 0), at(0s), out).has_value());
  EXPECT_FALSE(offer_for(*core, device(3), report_of(line, 3, 0), at(0s), out).has_value());
  EXPECT_EQ(stats(*core).at("waiting"), 1U);
  core->tick(at(4s), out);
  EXPECT_TRUE(out.messages.empty());
  core->tick(at(5s), out);
  ASSERT_EQ(out.messages.size(), 1U);
  EXPECT_EQ(out.messages[0].to, device(3));
  // A device that converges lets the next one in at once.
  out.messages.clear();
  core->handle(device(4), report_of(line, 4, 0), at(5s), out);
  core->handle(device(5), report_of(line, 5, 0), at(5s), out);
  EXPECT_EQ(out.take<artefact_offer>().size(), 1U);
  core->handle(device(4), report_of(line, 4, 1), at(6s), out);
  ASSERT_EQ(out.messages.size(), 1U);
  EXPECT_EQ(out.messages[0].to, device(5));
}

TEST(deployer, a_distiller_that_begins_again_takes_the_devices_with_it) {
  student_line line;
  student_line again;
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  for (int i = 0; i < 3; ++i) core->handle(distiller, line.advance(), at(0s), out);
  EXPECT_FALSE(offer_for(*core, device(1), report_of(line, 1, 3), at(0s), out).has_value());
  // Back to version 0: no bytes are needed.
  core->handle(distiller, again.announce(), at(1s), out);
  const auto back = out.take<artefact_offer>();
  ASSERT_EQ(back.size(), 1U);
  EXPECT_TRUE(back[0].snapshot);
  EXPECT_EQ(back[0].next, version{0});
  EXPECT_EQ(back[0].bytes, 0U);
  // Meanwhile it has learned: the device's version 3 is nobody's.
  core->handle(distiller, again.advance(), at(2s), out);
  out.messages.clear();
  const auto offer = offer_for(*core, device(1), report_of(line, 1, 3), at(2s), out);
  ASSERT_TRUE(offer.has_value());
  EXPECT_TRUE(offer->snapshot);
  EXPECT_EQ(offer->next, version{1});
}

TEST(deployer, a_snapshot_that_is_wanted_no_more_is_not_made) {
  student_line line;
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  core->handle(distiller, line.advance(), at(0s), out);
  device_report odd = report_of(line, 1, 0);
  odd.active_hash = content_hash{5};
  core->handle(device(1), odd, at(0s), out);  // wants a snapshot
  core->handle(distiller, student_line().announce(), at(0s), out);
  EXPECT_FALSE(core->work(at(0s), out));
  EXPECT_EQ(stats(*core).at("snapshots_made"), 0U);
}

TEST(deployer, remembers_a_bounded_number_of_devices) {
  student_line line;
  auto options = options_of(line);
  options.max_devices = 3;
  auto core = deployer_of(options);
  fake_outbox out;
  for (std::uint32_t id = 1; id <= 10; ++id) {
    core->handle(device(id), report_of(line, id, 0), at(std::chrono::seconds(id)), out);
  }
  EXPECT_EQ(stats(*core).at("devices"), 3U);
}

TEST(deployer, listens_to_the_distiller_alone_and_refuses_what_is_wrong) {
  student_line line;
  auto core = deployer_of(options_of(line));
  fake_outbox out;
  auto committed = line.advance();
  core->handle(device(1), committed, at(0s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  committed.line = content_hash{1};
  core->handle(distiller, committed, at(0s), out);
  EXPECT_EQ(out.take<error_reply>().at(0).code, static_cast<std::uint8_t>(errc::wrong_base));
  core->handle(device(1), topology::stats_request{}, at(0s), out);
  EXPECT_EQ(out.take<error_reply>().size(), 1U);
  EXPECT_TRUE(stats(*core).at("desired_version").is_null());
}

}  // namespace deployer_test
}  // namespace freshet::actors
