// Ends a process at every fault point that it passes, starts it again, and judges what it left. A life is a fork of this
// process, which has loaded LibTorch already; one whose writes are recorded is a program of its own, `test_faults --live
// MODEL STATE`.
#include "kernels/base/fault_point.hpp"
#include "kernels/base/rng.hpp"
#include "tests/faults/life.hpp"
#include "tests/support/power_cut.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_student.hpp"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshet::test {
namespace {

/// What is thrown must not come back into the tests that forked it.
int live_here(const life_options& options) noexcept {
  const std::string wrong = live(options);
  if (wrong.empty()) return 0;
  std::cerr << wrong << std::endl;
  return 1;
}

class child {
 public:
  /// `record`: a file for all that it writes below its state (write_recorder.cpp); empty: none.
  child(const life_options& options, const std::string& fault, const std::string& trace, const std::string& record = "") {
    std::ofstream(options.state / "samples") << options.samples;
    const std::string model = options.model.string();
    const std::string state = options.state.string();
    pid_ = ::fork();
    if (pid_ != 0) return;
    fault.empty() ? ::unsetenv("FRESHET_FAULT") : ::setenv("FRESHET_FAULT", fault.c_str(), 1);
    trace.empty() ? ::unsetenv("FRESHET_FAULT_TRACE") : ::setenv("FRESHET_FAULT_TRACE", trace.c_str(), 1);
    if (record.empty()) {
      forget_fault_plan();
      ::_exit(live_here(options));
    }
    ::setenv("LD_PRELOAD", FRESHET_WRITE_RECORDER, 1);
    ::setenv("FRESHET_RECORD_ROOT", state.c_str(), 1);
    ::setenv("FRESHET_RECORD_TRACE", record.c_str(), 1);
    ::execl("/proc/self/exe", "test_faults", "--live", model.c_str(), state.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Exit status, or minus the signal.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
};

int run(const life_options& options, const std::string& fault = "", const std::string& trace = "") {
  return child(options, fault, trace).wait();
}

class faults : public ::testing::Test {
 protected:
  life_options fresh(const temporary_folder& folder) {
    life_options o;
    o.model = tiny_.model();
    o.state = folder.path();
    o.samples = 24;  // each death takes a reserve of positions with it
    return o;
  }
  /// The points that a life passes, with how often.
  std::vector<std::pair<std::string, unsigned>> points() {
    const temporary_folder folder;
    const auto options = fresh(folder);
    const std::string trace = (folder.path() / "trace").string();
    EXPECT_EQ(run(options, "", trace), 0);
    EXPECT_EQ(judge(options, true), "");
    std::vector<std::pair<std::string, unsigned>> all;
    std::ifstream in(trace);
    std::string name;
    while (in >> name) {
      auto known = std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.first == name; });
      if (known == all.end()) {
        all.emplace_back(name, 1);
      } else {
        ++known->second;
      }
    }
    return all;
  }
  tiny_student tiny_;
};

// In shares, so that they run side by side.
constexpr unsigned shares = 4;
class faults_at : public faults, public ::testing::WithParamInterface<unsigned> {};

TEST_P(faults_at, whatever_point_a_process_dies_at_its_promises_hold) {
  const auto all = points();
  ASSERT_GT(all.size(), 35U) << "a life passes fewer points than there are";
  for (std::size_t i = GetParam(); i < all.size(); i += shares) {
    const auto& [name, passes] = all[i];
    for (const unsigned pass : std::set<unsigned>{1, (passes + 1) / 2, passes}) {
      SCOPED_TRACE(name + ":" + std::to_string(pass) + " of " + std::to_string(passes));
      const temporary_folder folder;
      const auto options = fresh(folder);
      ASSERT_EQ(run(options, name + ":" + std::to_string(pass)), fault_exit_status);
      ASSERT_EQ(judge(options, false), "");
      // It dies at the same point once more, if its second life comes by there.
      const int second = run(options, name + ":1");
      ASSERT_TRUE(second == fault_exit_status || second == 0) << second;
      ASSERT_EQ(judge(options, second == 0), "");
      if (second != 0) {
        ASSERT_EQ(run(options), 0);
        ASSERT_EQ(judge(options, true), "");
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(share, faults_at, ::testing::Range(0U, shares));

TEST_F(faults, a_process_that_is_killed_at_any_moment_keeps_its_promises) {
  rng random(21);
  // How long a life takes here, of those that begin where another ended.
  std::chrono::microseconds whole_life{};
  {
    const temporary_folder other;
    auto trial = fresh(other);
    ASSERT_EQ(run(trial), 0);
    trial.samples += 6;
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_EQ(run(trial), 0);
    whole_life = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
  }
  const temporary_folder folder;
  auto options = fresh(folder);
  int killed = 0;
  for (int round = 0; round < 40; ++round) {
    child life(options, "", "");
    std::this_thread::sleep_for(whole_life * random.uniform(0.0, 1.0));
    ::kill(life.pid(), SIGKILL);
    const int ended = life.wait();
    ASSERT_TRUE(ended == -SIGKILL || ended == 0) << ended;
    killed += ended == 0 ? 0 : 1;
    ASSERT_EQ(judge(options, ended == 0), "") << round;
    options.samples += 6;
  }
  EXPECT_GT(killed, 4) << "kills fall behind the lives";
  ASSERT_EQ(run(options), 0);
  ASSERT_EQ(judge(options, true), "");
}

TEST_F(faults, what_a_power_cut_leaves_keeps_the_promises) {
  const temporary_folder work;
  std::filesystem::create_directory(work / "state");
  auto options = fresh(work);
  options.state = work / "state";
  const std::string trace = (work / "trace").string();
  ASSERT_EQ(child(options, "", "", trace).wait(), 0);
  // What other hosts were told is theirs: it is judged against what is left here.
  const power_cut disk(trace, {"log"});
  std::vector<std::size_t> moments;
  std::size_t syncs = 0;
  rng random(33);
  for (std::size_t i = 0; i < disk.moments(); ++i) {
    syncs += disk.is_sync(i) ? 1 : 0;
    // On both sides of every other sync, where promises are made, and anywhere.
    if ((disk.is_sync(i) && syncs % 2 == 0) || random.chance(0.02)) moments.insert(moments.end(), {i, i + 1});
  }
  ASSERT_GT(syncs, 40U) << "a life that promises little";
  std::size_t judged = 0;
  for (const std::size_t moment : moments) {
    for (const double kept : {0.0, 0.7}) {
      SCOPED_TRACE("after " + std::to_string(moment) + " of " + std::to_string(disk.moments()) + " steps, " +
                   std::to_string(kept) + " of what was not synced");
      const temporary_folder folder;
      auto left = options;
      left.state = folder.path();
      disk.leave(moment, kept, random.split(moment), folder.path());
      ASSERT_EQ(judge(left, false), "");
      // And it goes on from there, to the end.
      if (++judged % 24 != 0) continue;
      ASSERT_EQ(run(left), 0);
      ASSERT_EQ(judge(left, true), "");
    }
  }
  // The test of the test: were the databases not synced, it would be noticed.
  for (const char* file : {"journal.db-wal", "distiller/distiller.db-wal"}) {
    const power_cut careless(trace, {"log"}, {std::string(file)});
    bool noticed = false;
    for (std::size_t moment = careless.moments(); moment > 0 && !noticed; moment -= std::min<std::size_t>(moment, 40)) {
      const temporary_folder folder;
      auto left = options;
      left.state = folder.path();
      careless.leave(moment, 0.0, random.split(moment), folder.path());
      noticed = !judge(left, false).empty();
    }
    EXPECT_TRUE(noticed) << file;
  }
  std::cout << judged << " power cuts at " << moments.size() << " of " << disk.moments() << " steps, " << syncs << " syncs\n";
}

TEST_F(faults, what_was_never_synced_is_lost_in_a_power_cut) {
  const temporary_folder folder;
  const auto trace = folder / "trace";
  {
    std::ofstream out(trace, std::ios::binary);
    out << "c 0 0 1 0\na" << "w 0 4 1 0\naold!" << "s 0 0 1 0\na" << "s 0 0 0 0\n";         // a file, synced
    out << "c 0 0 1 0\nb" << "w 0 4 1 0\nbnew!" << "r 0 0 1 1\nba" << "s 0 0 0 0\n";        // replaced by one that is not
    out << "c 0 0 1 0\nc" << "w 0 4 1 0\nckept" << "s 0 0 1 0\nc" << "w 4 4 1 0\ncmore";  // and one with a lost end
  }
  const power_cut disk(trace, {});
  const auto after = [&](std::size_t moment, double kept, const std::string& name) {
    const temporary_folder left;
    disk.leave(moment, kept, rng(1), left.path());
    std::ifstream in(left / name, std::ios::binary);
    return in ? std::string{std::istreambuf_iterator<char>(in), {}} : std::string("-");
  };
  EXPECT_EQ(after(2, 0, "a"), "-");
  EXPECT_EQ(after(3, 0, "a"), "old!");
  EXPECT_EQ(after(7, 0, "a"), "old!") << "the new name is not synced";
  EXPECT_EQ(after(8, 0, "a"), "") << "the name is, its content is not: what whole_file must never do";
  EXPECT_EQ(after(12, 0, "c"), "kept");
  EXPECT_EQ(after(12, 1, "a"), "new!");
}

}  // namespace
}  // namespace freshet::test

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--live") == 0) {
    freshet::test::life_options options;
    options.model = argv[2];
    options.state = argv[3];
    // Samples beyond the first life's: the harness says how many in a file.
    std::ifstream in(options.state / "samples");
    in >> options.samples;
    return freshet::test::live_here(options);
  }
  // A team of threads would not survive a fork.
  at::set_num_threads(1);
  // A death by _exit loses nothing that was written, so a file system in memory tests the same, and sooner.
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 0);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
