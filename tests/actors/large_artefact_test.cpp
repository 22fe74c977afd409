// An artefact that is larger than the memory it may take: made, signed, offered in chunks, received, verified, applied
// and kept, with all heap of this process limited to a fraction of it. FRESHET_LARGE_ARTEFACT_MIB sets its size
// (96); docs/durability.md has the figures of 2048.
#include "actors/deployer/deployer_core.hpp"
#include "actors/device/device_state.hpp"
#include "actors/device/update_receiver.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/model/scratch_file.hpp"
#include "tests/support/fake_outbox.hpp"
#include "tests/support/temporary_folder.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <sys/resource.h>

namespace freshet::actors {
namespace large_artefact_test {

using namespace std::chrono_literals;
using topology::address;

const address distiller{"cloud", "distiller"};
const address deployer_at{"cloud", "deployer"};
const address device_at{"edge", "device"};

/// KiB that /proc/self/status names so.
std::uint64_t status_kib(const std::string& name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.compare(0, name.size() + 1, name + ":") == 0) return std::stoull(line.substr(name.size() + 1));
  return 0;
}

/// The largest heap and stacks (what no file can take back) while it lives.
class memory_watch {
 public:
  memory_watch() : before_(status_kib("RssAnon")), thread_([this] { watch(); }) {}
  ~memory_watch() { stop(); }
  void stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] std::uint64_t grown_mib() const { return (std::max(most_.load(), before_) - before_) / 1024; }

 private:
  void watch() {
    while (!over_) {
      most_ = std::max(most_.load(), status_kib("RssAnon"));
      std::this_thread::sleep_for(2ms);
    }
  }
  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> most_{0};
  std::uint64_t before_;
  std::thread thread_;
};

/// While it lives no more than `bytes` of private memory can be had beyond what there is: files that are mapped do
/// not count.
class heap_limit {
 public:
  explicit heap_limit(std::uint64_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_DATA, &before_), 0);
    rlimit now = before_;
    now.rlim_cur = status_kib("VmData") * 1024 + bytes;
    EXPECT_EQ(::setrlimit(RLIMIT_DATA, &now), 0);
  }
  ~heap_limit() { ::setrlimit(RLIMIT_DATA, &before_); }

 private:
  rlimit before_{};
};

std::uint64_t artefact_mib() {
  const char* said = std::getenv("FRESHET_LARGE_ARTEFACT_MIB");
  return said == nullptr ? 96 : std::stoull(said);
}

/// f32 in a file; `draw` null: zeros.
host_tensor values_on_disk(const std::filesystem::path& folder, std::uint64_t count, rng* draw) {
  const auto file = *model::scratch_file::make(folder);
  EXPECT_TRUE(file->reserve(count * 4).ok());
  auto* at = reinterpret_cast<std::uint64_t*>(*file->map());
  for (std::uint64_t i = 0; draw != nullptr && i < count / 2; ++i) at[i] = draw->next();
  return file->as_tensor(dtype::f32);
}

TEST(large_artefact, passes_from_deployer_to_device_in_a_fraction_of_its_size) {
  const test::temporary_folder folder;
  const std::uint64_t mib = artefact_mib();
  constexpr std::uint64_t limit_mib = 64;
  ASSERT_GT(mib, limit_mib) << "a whole copy must not fit";
  delta::layout parts;
  parts.append("values", static_cast<std::uint32_t>(mib * 256), 1024);
  rng draw(3);
  const host_tensor base = values_on_disk(folder.path(), parts.total(), nullptr);
  // Every bit is drawn: nothing compresses, the artefact is as large as the values.
  topology::version_committed committed;
  committed.line = content_hash{7};
  committed.base = committed.next = version{1};
  committed.values = values_on_disk(folder.path(), parts.total(), &draw);
  committed.result = delta::hash_values(committed.values.as<float>(), committed.values.items());

  const auto keys = std::make_shared<const access::artefact_keys>(access::artefact_keys::draw());
  memory_watch watch;
  {
    const heap_limit limit(limit_mib << 20);
    deployer_options d;
    d.distiller = distiller;
    d.parts = parts;
    d.line = committed.line;
    d.base = base;
    d.keys = [keys] { return keys; };
    d.state_dir = folder / "deployer";
    const auto deployer = std::move(*make_deployer(std::move(d)));
    auto state = *device_state::open(folder / "device", committed.line, parts.total());
    update_receiver_options r;
    r.device = device_id{1};
    r.deployer = deployer_at;
    r.parts = parts;
    r.line = committed.line;
    r.base = base;
    r.scratch = folder / "device";
    r.max_artefact_bytes = (mib + 64) << 20;
    r.trusted = keys->trusted();
    update_receiver device(std::move(r), base, version{0});

    test::fake_outbox down, up;
    time_point now{};
    deployer->start(now, down);
    deployer->handle(distiller, committed, now, down);
    std::optional<ready_update> ready;
    std::uint64_t largest_offer = 0;
    up.send(deployer_at, device.report());
    for (int turns = 0; !ready && turns < 100000; ++turns) {
      now += 1ms;
      for (auto& m : std::exchange(up.messages, {})) deployer->handle(device_at, m.message, now, down);
      while (deployer->work(now, down)) {
      }
      for (auto& m : std::exchange(down.messages, {})) {
        if (m.to != device_at) continue;
        if (const auto* offer = std::get_if<topology::artefact_offer>(&m.message))
          largest_offer = std::max(largest_offer, offer->bytes);
        device.handle(deployer_at, m.message, now, up);
      }
      ready = device.take_ready();
    }
    ASSERT_TRUE(ready.has_value()) << device.report().last_failure << deployer->stats_json();
    EXPECT_GE(largest_offer, mib << 20);
    EXPECT_EQ(ready->hash, committed.result);
    EXPECT_EQ(std::memcmp(ready->values.data(), committed.values.data(), committed.values.bytes()), 0);
    ASSERT_TRUE(state.commit({ready->number, ready->hash, ready->values}).ok());
    device.confirm_active(ready->number);
    const auto restored = state.restore();
    ASSERT_EQ(restored.versions.size(), 1U) << restored.faults.size();
    EXPECT_EQ(restored.versions[0].hash, committed.result);
  }
  watch.stop();
  std::printf("artefact of %llu MiB: heap and stacks of sender and receiver together grew by %llu MiB at most\n",
              static_cast<unsigned long long>(mib), static_cast<unsigned long long>(watch.grown_mib()));
  EXPECT_LT(watch.grown_mib(), limit_mib);
}

TEST(large_artefact, a_disk_without_room_is_refused_with_a_reason_and_the_device_goes_on) {
  const test::temporary_folder folder;
  delta::layout parts;
  parts.append("values", 1, 64);
  update_receiver_options r;
  r.device = device_id{1};
  r.deployer = deployer_at;
  r.parts = parts;
  r.line = content_hash{7};
  r.base = host_tensor::of(std::vector<float>(64, 1.0F));
  r.scratch = folder / "is not there";
  r.max_artefact_bytes = std::uint64_t{1} << 30;
  update_receiver device(r, r.base, version{0});
  test::fake_outbox out;
  topology::artefact_offer offer;
  offer.artefact = 5;
  offer.snapshot = true;
  offer.next = version{1};
  offer.bytes = 64U << 20;
  offer.chunk_bytes = 65536;
  device.handle(deployer_at, offer, time_point{}, out);
  EXPECT_EQ(out.count<topology::chunk_request>(), 0U);
  EXPECT_NE(device.report().last_failure.find("is not there"), std::string::npos) << device.report().last_failure;
  EXPECT_EQ(device.report().active, version{0});
  // The same again once there is room, after its time.
  std::filesystem::create_directory(r.scratch);
  device.handle(deployer_at, offer, time_point{} + 61s, out);
  EXPECT_GT(out.count<topology::chunk_request>(), 0U);
}

}  // namespace large_artefact_test
}  // namespace freshet::actors
