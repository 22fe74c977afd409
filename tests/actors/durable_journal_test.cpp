#include "actors/intake/durable_journal.hpp"

#include "actors/intake/memory_journal.hpp"
#include "kernels/base/rng.hpp"
#include "tests/support/file_size_limit.hpp"
#include "tests/support/intake_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

#include <cstdio>
#include <fstream>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

namespace freshet::actors {
namespace durable_journal_test {

using namespace std::chrono_literals;
using namespace freshet::test;
using topology::label_request;
using topology::leases_consumed;
using topology::samples_settled;
using topology::uts_batch;

std::unique_ptr<durable_journal> open_journal(const std::filesystem::path& file) {
  auto made = durable_journal::open(file);
  EXPECT_TRUE(made.ok()) << made.err().text();
  return made.ok() ? std::move(*made) : nullptr;
}

std::vector<std::uint64_t> numbers(const journal& j) {
  std::vector<std::uint64_t> all;
  for (const auto& e : j.pending()) all.push_back(e.number);
  return all;
}

class durable : public ::testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path file() const { return folder_.path() / "journal.db"; }
  temporary_folder folder_;
};

TEST_F(durable, entries_positions_and_its_name_outlive_the_process) {
  std::uint64_t id = 0;
  {
    const auto j = open_journal(file());
    id = j->id();
    EXPECT_NE(id, 0U);
    EXPECT_EQ(j->append(batch_of(1, {4, 70, 5})).value(), 1U);
    EXPECT_EQ(j->append(batch_of(2, {4}, 0, false, true, true)).value(), 2U);
    EXPECT_EQ(j->append(batch_of(1, {130})).value(), 3U);
    ASSERT_TRUE(j->erase({1}).ok());
  }
  const auto j = open_journal(file());
  EXPECT_EQ(j->id(), id);
  EXPECT_EQ(numbers(*j), (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(j->pending()[0].samples, 1U);
  EXPECT_EQ(j->read(2).value(), batch_of(2, {4}, 0, false, true, true));
  EXPECT_EQ(j->read(1).err().code, errc::not_found);
  EXPECT_EQ(j->done_below(), 2U);
  EXPECT_GT(j->bytes(), 0U);
  for (const std::uint64_t p : {4U, 70U, 5U, 130U}) EXPECT_TRUE(j->knows(device_id{1}, sequence{p})) << p;
  for (const std::uint64_t p : {3U, 6U, 71U, 131U}) EXPECT_FALSE(j->knows(device_id{1}, sequence{p})) << p;
  EXPECT_TRUE(j->knows(device_id{2}, sequence{4}));
  EXPECT_FALSE(j->knows(device_id{2}, sequence{70}));
}

TEST_F(durable, numbers_are_never_used_twice_over_lives) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t life = 0; life < 5; ++life) {
    const auto j = open_journal(file());
    for (std::uint64_t i = 0; i < 3; ++i)
      EXPECT_TRUE(seen.insert(j->append(batch_of(1, {life * 3 + i})).value()).second);
    ASSERT_TRUE(j->erase(numbers(*j)).ok());
    EXPECT_EQ(j->bytes(), 0U);
  }
  EXPECT_EQ(open_journal(file())->done_below(), *seen.rbegin() + 1);
}

// The memory journal is the definition; the durable one is opened anew now and then.
TEST_F(durable, agrees_with_the_memory_journal_on_random_streams) {
  rng random(11);
  durable_journal::options small;
  small.window = 256;
  memory_journal::options same;
  same.window = 256;
  memory_journal truth(same);
  auto j = std::move(*durable_journal::open(file(), small));
  std::map<std::uint32_t, std::uint64_t> near;
  for (int step = 0; step < 400; ++step) {
    const auto device = static_cast<std::uint32_t>(1 + random.below(3));
    near[device] += random.below(random.chance(0.05) ? 500 : 12);
    std::vector<std::uint64_t> positions;
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      const std::uint64_t p = near[device] - std::min(near[device], random.below(300));
      EXPECT_EQ(j->knows(device_id{device}, sequence{p}), truth.knows(device_id{device}, sequence{p}));
      if (!truth.knows(device_id{device}, sequence{p})) positions.push_back(p);
    }
    std::sort(positions.begin(), positions.end());
    positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
    if (!positions.empty()) {
      EXPECT_EQ(j->append(batch_of(device, positions)).value(), truth.append(batch_of(device, positions)).value());
    }
    if (random.chance(0.3) && !numbers(truth).empty()) {
      const auto gone = numbers(truth)[random.below(numbers(truth).size())];
      ASSERT_TRUE(truth.erase({gone}).ok());
      ASSERT_TRUE(j->erase({gone}).ok());
    }
    if (random.chance(0.1)) {
      j.reset();
      j = std::move(*durable_journal::open(file(), small));
    }
    ASSERT_EQ(numbers(*j), numbers(truth));
    EXPECT_EQ(j->bytes(), truth.bytes());
    EXPECT_EQ(j->done_below(), truth.done_below());
  }
  for (const std::uint64_t n : numbers(truth)) EXPECT_EQ(j->read(n).value(), truth.read(n).value());
}

TEST_F(durable, a_damaged_file_is_named_and_left_as_it_is) {
  {
    const auto j = open_journal(file());
    for (std::uint64_t p = 0; p < 200; ++p) ASSERT_TRUE(j->append(batch_of(1, {p})).ok());
  }
  const auto size = std::filesystem::file_size(file());
  std::filesystem::resize_file(file(), size / 2);  // a cut tail
  const auto cut = durable_journal::open(file());
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.err().code, errc::corrupt) << cut.err().text();
  EXPECT_NE(cut.err().context.find("journal.db"), std::string::npos) << cut.err().text();
  EXPECT_EQ(std::filesystem::file_size(file()), size / 2);
}

TEST_F(durable, a_torn_log_is_cut_back_to_what_committed) {
  {
    const auto j = open_journal(file());
    ASSERT_TRUE(j->append(batch_of(1, {1})).ok());
  }
  const auto torn = folder_.path() / "torn.db";
  const auto j = open_journal(file());
  ASSERT_TRUE(j->append(batch_of(1, {2})).ok());
  // As a power cut leaves it while the next commit is half written: file and log are copied from under it.
  std::filesystem::copy_file(file(), torn);
  std::filesystem::copy_file(file().string() + "-wal", torn.string() + "-wal");
  {
    std::ofstream tail(torn.string() + "-wal", std::ios::binary | std::ios::app);
    for (int i = 0; i < 3000; ++i) tail.put(static_cast<char>(i * 7));
  }
  const auto back = open_journal(torn);
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(numbers(*back), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(back->read(2).value(), batch_of(1, {2}));
}

TEST_F(durable, one_damaged_entry_is_set_aside_and_the_others_go_on) {
  {
    const auto j = open_journal(file());
    for (std::uint64_t p = 0; p < 3; ++p) ASSERT_TRUE(j->append(batch_of(1, {p})).ok());
  }
  auto core_journal = open_journal(file());
  // A flipped bit in the middle of the batch, which SQLite itself does not notice.
  {
    auto db = store::database::open(file(), {"select 1"});
    ASSERT_TRUE(db.ok()) << db.err().text();
    auto read = std::move(*db->prepare("select batch from entry where number = 2"));
    ASSERT_TRUE(read.step().value());
    auto bytes = read.bytes(0);
    read.reset();
    bytes[bytes.size() / 2] ^= 1U;
    auto write = std::move(*db->prepare("update entry set batch = ? where number = 2"));
    ASSERT_TRUE(write.bind(bytes).run().ok());
  }
  auto core = std::move(*make_intake(intake_defaults(), std::move(core_journal)));
  fake_outbox out;
  core->start(at(0s), out);
  const auto requests = out.take<label_request>();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[1].batch, batch_of(1, {2}));
  EXPECT_EQ(stat(*core, "damaged_entries"), 1U);
  EXPECT_EQ(stat(*core, "held_samples"), 2U);
  EXPECT_EQ(out.logged(log_level::error), 1U);
  core.reset();
  EXPECT_EQ(numbers(*open_journal(file())), (std::vector<std::uint64_t>{1, 3}));
}

// --- the intake upon it -------------------------------------------------------------------------

TEST_F(durable, an_intake_goes_on_where_a_former_life_died) {
  std::vector<label_request> before;
  {
    auto core = std::move(*make_intake(intake_defaults(), open_journal(file())));
    fake_outbox out;
    core->start(at(0s), out);
    core->handle(filter(1), batch_of(1, {1, 2}), at(1s), out);
    core->handle(filter(1), batch_of(1, {3}), at(1s), out);
    before = out.take<label_request>();
    ASSERT_EQ(before.size(), 2U);
    const auto settled = out.take<samples_settled>();
    ASSERT_EQ(settled.size(), 2U);
    EXPECT_EQ(settled[0].device, device_id{1});
    EXPECT_EQ(settled[0].accepted, (std::vector<sequence>{sequence{1}, sequence{2}}));
    EXPECT_TRUE(settled[0].refused.empty());
  }
  auto options = intake_defaults();
  options.first_lease = 5000;
  auto core = std::move(*make_intake(options, open_journal(file())));
  fake_outbox out;
  core->start(at(0s), out);
  const auto again = out.take<label_request>();
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0].lease, 5000U);
  EXPECT_EQ(again[0].entry, before[0].entry) << "the name of the work is the same in every life";
  EXPECT_EQ(again[0].batch, before[0].batch);
  // The device did not hear that it was accepted and sends it again.
  core->handle(filter(1), batch_of(1, {2, 3, 4}), at(1s), out);
  const auto settled = out.take<samples_settled>();
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_EQ(settled[0].accepted.size(), 3U);
  const auto fresh = out.take<label_request>();
  ASSERT_EQ(fresh.size(), 1U);
  EXPECT_EQ(fresh[0].batch, batch_of(1, {4}));
  // A confirmation of the former life's lease counts by its entry.
  core->handle(distiller, leases_consumed{{before[0].lease}, before[0].entry.journal, {before[0].entry.number}}, at(2s),
               out);
  EXPECT_EQ(stat(*core, "held_samples"), 2U);
  // One of another journal does not.
  core->handle(distiller, leases_consumed{{}, before[1].entry.journal + 1, {before[1].entry.number}}, at(2s), out);
  EXPECT_EQ(stat(*core, "held_samples"), 2U);
  core.reset();
  EXPECT_EQ(numbers(*open_journal(file())), (std::vector<std::uint64_t>{2, 3}));
}

TEST_F(durable, a_full_disk_is_a_clear_state_that_ends_by_itself) {
  auto core = std::move(*make_intake(intake_defaults(), open_journal(file())));
  fake_outbox out;
  core->start(at(0s), out);
  core->handle(filter(1), batch_of(1, {1}), at(1s), out);
  EXPECT_EQ(out.take<samples_settled>().size(), 1U);
  const auto learned = out.take<label_request>();
  ASSERT_EQ(learned.size(), 1U);
  std::uint64_t position = 2;
  {
    // The log may not grow any more: what a full disk says to a write.
    const file_size_limit full(std::filesystem::file_size(file().string() + "-wal"));
    core->handle(filter(1), batch_of(1, {position}), at(2s), out);
    EXPECT_EQ(out.count<samples_settled>(), 0U) << "what is not committed is not accepted";
    EXPECT_EQ(out.count<label_request>(), 0U);
    EXPECT_EQ(core->capacity(filter(1)), 0U);
    EXPECT_GT(core->capacity(distiller), 0U);
    const auto state = nlohmann::json::parse(core->stats_json());
    EXPECT_EQ(state["journal"].get<std::string>().rfind("failing: ", 0), 0U) << state["journal"];
    EXPECT_NE(state["journal"].get<std::string>().find("journal.db"), std::string::npos) << state["journal"];
    EXPECT_EQ(state["held_samples"], 1);
    // What is learned meanwhile is erased later.
    core->handle(distiller, leases_consumed{{learned[0].lease}}, at(2s), out);
    EXPECT_EQ(stat(*core, "held_samples"), 0U);
    EXPECT_EQ(stat(*core, "unerased_entries"), 1U);
    for (int s = 3; s < 8; ++s) core->tick(at(std::chrono::seconds(s)), out);
    EXPECT_EQ(core->capacity(filter(1)), 0U);
    EXPECT_EQ(out.logged(log_level::error), 1U) << "said once";
  }
  core->tick(at(8s) - 1ms, out);
  core->tick(at(9s), out);
  EXPECT_EQ(nlohmann::json::parse(core->stats_json())["journal"], "ok");
  EXPECT_EQ(stat(*core, "unerased_entries"), 0U);
  EXPECT_GT(core->capacity(filter(1)), 0U);
  core->handle(filter(1), batch_of(1, {position}), at(9s), out);
  EXPECT_EQ(out.take<samples_settled>().size(), 1U);
  EXPECT_EQ(out.take<label_request>().size(), 1U);
  core.reset();
  const auto j = open_journal(file());
  ASSERT_EQ(j->pending().size(), 1U);
  EXPECT_EQ(j->read(j->pending()[0].number).value(), batch_of(1, {position}));
}

TEST_F(durable, a_folder_that_turns_read_only_is_no_end) {
  auto core = std::move(*make_intake(intake_defaults(), open_journal(file())));
  fake_outbox out;
  core->start(at(0s), out);
  {
    const file_size_limit read_only(0);  // no byte of any file can be written
    core->handle(filter(1), batch_of(1, {1}), at(1s), out);
    EXPECT_EQ(out.count<samples_settled>(), 0U);
    for (int s = 2; s < 6; ++s) core->tick(at(std::chrono::seconds(s)), out);
    EXPECT_EQ(core->capacity(filter(1)), 0U);
  }
  core->tick(at(7s), out);
  core->handle(filter(1), batch_of(1, {1}), at(7s), out);
  EXPECT_EQ(out.take<samples_settled>().size(), 1U);
  // A folder that was so from the start is refused with the file's name.
  const auto nowhere = durable_journal::open(folder_.path() / "missing" / "journal.db");
  ASSERT_FALSE(nowhere.ok());
  EXPECT_NE(nowhere.err().context.find("missing/journal.db"), std::string::npos) << nowhere.err().text();
}

TEST_F(durable, what_has_no_room_stays_the_senders_and_what_is_broken_is_refused) {
  auto options = intake_defaults();
  options.queue_samples = 2;
  auto core = std::move(*make_intake(options, open_journal(file())));
  fake_outbox out;
  core->handle(filter(1), batch_of(1, {20, 3, 21}), at(0s), out);
  auto settled = out.take<samples_settled>();
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_EQ(settled[0].accepted, (std::vector<sequence>{sequence{20}, sequence{21}}));
  EXPECT_TRUE(settled[0].refused.empty());
  uts_batch broken = batch_of(1, {5, 6});
  broken.samples[0].kept_count += 1;
  core->handle(filter(1), broken, at(0s), out);
  settled = out.take<samples_settled>();
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_TRUE(settled[0].accepted.empty());
  EXPECT_EQ(settled[0].refused, (std::vector<sequence>{sequence{5}, sequence{6}}));
}

TEST_F(durable, thousands_of_pending_batches_do_not_lie_in_memory) {
  const auto resident = [] {
    std::ifstream statm("/proc/self/statm");
    std::uint64_t all = 0;
    std::uint64_t pages = 0;
    statm >> all >> pages;
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  };
  const auto j = open_journal(file());
  ASSERT_TRUE(j->append(batch_of(1, {0})).ok());
  uts_batch large = batch_of(1, {1});
  large.payload = host_tensor::of(std::vector<std::uint8_t>(64 * 1024, 7));
  const std::uint64_t before = resident();
  constexpr std::uint64_t count = 2000;  // 128 MiB
  for (std::uint64_t p = 1; p <= count; ++p) {
    large.samples[0].position = sequence{p};
    ASSERT_TRUE(j->append(large).ok());
  }
  EXPECT_EQ(j->pending().size(), count + 1);
  EXPECT_LT(resident(), before + (std::uint64_t{24} << 20));
}

}  // namespace durable_journal_test
}  // namespace freshet::actors
