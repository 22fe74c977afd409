// Signatures along the downlink: a device takes what its deployer signs and nothing else, through
// rotations of the key, whenever it was away.
#include "actors/deployer/deployer_core.hpp"
#include "actors/device/update_receiver.hpp"
#include "actors/offer_content.hpp"
#include "kernels/delta/signed_artefact.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/student_line.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace freshet::actors {
namespace signed_downlink_test {

using namespace std::chrono_literals;
using test::fake_outbox;
using test::student_line;
using topology::address;

const address distiller{"cloud", "distiller"};
const address deployer_at{"cloud", "deployer"};
const address device_at{"edge", "device"};

class signed_downlink : public ::testing::Test {
 protected:
  void SetUp() override {
    publish();
    deployer_options o;
    o.distiller = distiller;
    o.parts = line.parts;
    o.line = line.line;
    o.base = line.base;
    o.keys = [this] { return published; };
    deployer = std::move(*make_deployer(std::move(o)));
    deployer->start(now(), out);
    device = fresh(keys.trusted());
  }
  std::unique_ptr<update_receiver> fresh(delta::trust_list trusted) {
    update_receiver_options o;
    o.device = device_id{5};
    o.deployer = deployer_at;
    o.parts = line.parts;
    o.line = line.line;
    o.base = line.base;
    o.trusted = std::move(trusted);
    return std::make_unique<update_receiver>(std::move(o), line.base, version{0});
  }
  void publish() { published = std::make_shared<const access::artefact_keys>(keys); }
  void commit() { deployer->handle(distiller, line.advance(), now(), out); }

  /// Lets both talk for a while; `on_the_way` may change what the deployer says.
  void talk(
      int seconds, const std::function<void(topology::any_message&)>& on_the_way = [](auto&) {}) {
    for (int i = 0; i < seconds * 10; ++i) {
      clock += 100ms;
      if (i % 10 == 0) back.send(deployer_at, device->report());
      for (auto& m : std::exchange(back.messages, {})) deployer->handle(device_at, m.message, now(), out);
      deployer->tick(now(), out);
      while (deployer->work(now(), out)) {
      }
      for (auto& m : std::exchange(out.messages, {})) {
        if (m.to != device_at) continue;
        on_the_way(m.message);
        device->handle(deployer_at, m.message, now(), back);
      }
      device->tick(now(), back);
      if (const auto ready = device->take_ready()) device->confirm_active(ready->number);
    }
  }
  [[nodiscard]] time_point now() const { return time_point{} + clock; }
  [[nodiscard]] nlohmann::json stats() const { return nlohmann::json::parse(deployer->stats_json()); }

  student_line line;
  access::artefact_keys keys = access::artefact_keys::draw();
  std::shared_ptr<const access::artefact_keys> published;
  std::unique_ptr<role_core> deployer;
  std::unique_ptr<update_receiver> device;
  fake_outbox out;
  fake_outbox back;
  duration clock{};
};

TEST_F(signed_downlink, what_the_deployer_signs_is_taken_by_chain_and_by_snapshot) {
  commit();
  talk(3);
  EXPECT_EQ(device->report().active, line.number);
  // Far behind: a snapshot.
  for (int i = 0; i < 12; ++i) commit();
  talk(3);
  EXPECT_EQ(device->report().active, line.number);
  EXPECT_EQ(device->report().active_hash, line.hash());
  EXPECT_EQ(device->count().snapshots, 1U);
  EXPECT_EQ(stats()["failures"], 0);
  EXPECT_EQ(stats()["signature_bytes"], 72);
}

TEST_F(signed_downlink, a_device_that_trusts_another_key_stays_where_it_is_and_says_why) {
  device = fresh(access::artefact_keys::draw().trusted());
  commit();
  talk(5);
  EXPECT_EQ(device->report().active, version{0});
  EXPECT_NE(device->report().last_failure.find("not trusted here"), std::string::npos) << device->report().last_failure;
  const std::string shown = stats()["last_failure"];
  EXPECT_NE(shown.find("device 5"), std::string::npos) << shown;
  EXPECT_NE(shown.find(delta::text_of(keys.signer().open_half().id())), std::string::npos) << shown;
}

TEST_F(signed_downlink, an_unsigned_artefact_is_refused) {
  const auto committed = line.advance();
  // The deployer is fooled out of the way: an offer of the same bytes without a signature.
  topology::artefact_offer offer;
  offer.content = hash_content(committed.artefact.data(), committed.artefact.bytes());
  offer.artefact = offer.content.value;
  offer.base = committed.base;
  offer.next = committed.next;
  offer.bytes = committed.artefact.bytes();
  offer.chunk_bytes = 1U << 20U;
  device->handle(deployer_at, offer, now(), back);
  device->handle(deployer_at, topology::artefact_chunk{offer.artefact, 0, committed.artefact}, now(), back);
  EXPECT_FALSE(device->take_ready().has_value());
  EXPECT_NE(device->report().last_failure.find("not signed"), std::string::npos) << device->report().last_failure;
}

TEST_F(signed_downlink, a_key_is_rotated_without_a_day_on_which_all_must_change) {
  commit();
  talk(2);
  const delta::key_id old = keys.signer().open_half().id();
  ASSERT_TRUE(keys.rotate().ok());
  publish();
  commit();
  talk(5);
  EXPECT_EQ(device->report().active, line.number);
  EXPECT_EQ(device->report().trusted, 2U);
  ASSERT_TRUE(keys.revoke(old).ok());
  publish();
  commit();
  talk(5);
  EXPECT_EQ(device->report().active, line.number);
  EXPECT_EQ(device->trusted()->keys.size(), 1U);
  EXPECT_EQ(stats()["failures"], 0);
  EXPECT_EQ(stats()["behind_in_trust"], 0);
}

TEST_F(signed_downlink, a_device_that_slept_through_several_rotations_follows_them_all) {
  const auto long_ago = keys.trusted();
  for (int i = 0; i < 4; ++i) {
    const delta::key_id old = keys.signer().open_half().id();
    ASSERT_TRUE(keys.rotate().ok());
    ASSERT_TRUE(keys.revoke(old).ok());
  }
  publish();
  device = fresh(long_ago);
  for (int i = 0; i < 3; ++i) commit();
  talk(15);
  EXPECT_EQ(device->report().trusted, 9U);
  EXPECT_EQ(device->report().active, line.number);
  EXPECT_EQ(device->count().refused, 0U);
}

TEST_F(signed_downlink, a_bent_statement_changes_nothing_and_is_reported_once) {
  ASSERT_TRUE(keys.rotate().ok());
  publish();
  const auto bend = [](topology::any_message& m) {
    auto* statement = std::get_if<topology::trust_statement>(&m);
    if (statement == nullptr) return;
    std::vector<std::uint8_t> bytes(statement->bytes.data(), statement->bytes.data() + statement->bytes.bytes());
    bytes[20] ^= 1;
    statement->bytes = host_tensor::of(std::move(bytes));
  };
  talk(2, bend);
  commit();
  talk(5, bend);
  EXPECT_EQ(device->report().trusted, 1U);
  EXPECT_EQ(device->report().active, version{0});
  EXPECT_EQ(device->count().refused, 1U);
  EXPECT_EQ(stats()["failures"], 1);
  EXPECT_EQ(stats()["behind_in_trust"], 1);
  // And once it comes through, all is well.
  talk(8);
  EXPECT_EQ(device->report().active, line.number);
}

}  // namespace signed_downlink_test
}  // namespace freshet::actors
