// The launcher over real processes: small shell scripts in place of nodes. Times here are bounds, not
// measurements: nothing depends on how fast the machine is.
#include "tools/freshet/launcher.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temporary_folder.hpp"

namespace freshet::cli {
namespace {

using std::chrono::milliseconds;

using test::temporary_folder;

node_command shell(const std::string& node, const std::string& script) {
  return {node, {"/bin/sh", "-c", script}, ""};
}

std::string read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool alive(pid_t pid) { return ::kill(pid, 0) == 0; }

/// Options whose reports come often and which end by themselves should a test hang.
launch_options options(std::vector<node_command> nodes) {
  launch_options o;
  o.nodes = std::move(nodes);
  o.report_every = milliseconds(10);
  o.run_for = milliseconds(60'000);
  o.limits.first_delay = milliseconds(10);
  return o;
}

TEST(launcher, what_is_killed_starts_again_and_a_signal_stops_all) {
  const temporary_folder folder;
  const std::string starts = folder / "starts";
  // The first life kills itself; the second one stays until it is asked to stop, and says so.
  launch_options o = options({
      shell("a", "echo $$ >> " + starts + "; if [ $(wc -l < " + starts + ") = 1 ]; then kill -KILL $$; fi; "
                 "trap 'echo stopped >> " + starts + "; exit 0' TERM; while :; do sleep 0.02; done"),
      shell("b", "trap 'exit 0' TERM; while :; do sleep 0.02; done"),
  });
  std::vector<std::string> events;
  o.on_event = [&](const std::string& e) { events.push_back(e); };
  process_signals signals;
  bool asked = false;
  o.on_report = [&] {
    // Two lines: the second life runs; its trap may not be set yet, but a process that dies of SIGTERM
    // would not write "stopped" below.
    const std::string text = read(starts);
    if (!asked && std::count(text.begin(), text.end(), '\n') == 2) {
      asked = true;
      std::this_thread::sleep_for(milliseconds(300));
      ::raise(SIGTERM);
    }
  };
  EXPECT_EQ(launch(o, signals), exit_ok);
  EXPECT_NE(read(starts).find("stopped"), std::string::npos) << read(starts);
  EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const std::string& e) {
    return e.find("node a ended with signal 9") == 0 && e.find("starts again") != std::string::npos;
  }));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST(launcher, follows_the_set_of_processes_that_is_wanted) {
  const temporary_folder folder;
  const auto life = [&](const std::string& name) {
    return shell(name, "echo $$ >> " + (folder / name).string() + "; trap 'echo stopped >> " + (folder / name).string() +
                           "; exit 0' TERM; while :; do sleep 0.02; done");
  };
  launch_options o = options({life("a"), life("b")});
  const auto lines = [&](const std::string& name) {
    const std::string text = read(folder / name);
    return std::count(text.begin(), text.end(), '\n');
  };
  int asked = 0;
  o.wanted = [&]() -> std::optional<std::vector<node_command>> {
    // Once both run: without b, with c.
    if (asked == 0 && lines("a") == 1 && lines("b") == 1) {
      asked = 1;
      std::this_thread::sleep_for(milliseconds(300));   // their traps are set
      return std::vector<node_command>{life("a"), life("c")};
    }
    return std::nullopt;
  };
  process_signals signals;
  o.on_report = [&] {
    if (asked == 1 && lines("c") == 1 && lines("b") == 2) {
      asked = 2;
      std::this_thread::sleep_for(milliseconds(300));
      ::raise(SIGTERM);
    }
  };
  EXPECT_EQ(launch(o, signals), exit_ok);
  EXPECT_EQ(asked, 2);
  EXPECT_NE(read(folder / "b").find("stopped"), std::string::npos);
  EXPECT_EQ(lines("a"), 2) << "a was left alone until the end";
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST(launcher, the_agreed_time_ends_all) {
  launch_options o = options({shell("a", "trap 'exit 0' TERM; while :; do sleep 0.02; done")});
  o.run_for = milliseconds(300);
  process_signals signals;
  const exit_code code = launch(o, signals);
  EXPECT_TRUE(code == exit_ok) << code;
}

TEST(launcher, who_does_not_stop_is_killed_within_the_bound) {
  launch_options o = options({shell("deaf", "trap '' TERM INT HUP; while :; do sleep 0.02; done")});
  o.run_for = milliseconds(300);
  o.limits.stop_within = milliseconds(200);
  process_signals signals;
  EXPECT_EQ(launch(o, signals), exit_not_in_time);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST(launcher, a_second_signal_does_not_wait) {
  launch_options o = options({shell("deaf", "trap '' TERM INT HUP; while :; do sleep 0.02; done")});
  o.limits.stop_within = milliseconds(600'000);
  process_signals signals;
  std::vector<std::string> events;
  o.on_event = [&](const std::string& e) {
    events.push_back(e);
    if (e == "stopping") ::raise(SIGINT);   // the impatient one
  };
  int reports = 0;
  o.on_report = [&] {
    if (++reports == 20) ::raise(SIGINT);
  };
  EXPECT_EQ(launch(o, signals), exit_not_in_time);
}

TEST(launcher, what_never_lives_long_is_given_up_and_takes_the_others_along) {
  launch_options o = options({shell("bad", "exit 1"), shell("good", "trap 'exit 0' TERM; while :; do sleep 0.02; done")});
  o.limits.short_lives = 3;
  process_signals signals;
  EXPECT_EQ(launch(o, signals), exit_node_failed);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST(launcher, a_program_that_is_not_there_is_an_error_at_once) {
  launch_options o = options({{"a", {"/nonexistent/program"}, ""}});
  std::vector<std::string> events;
  o.on_event = [&](const std::string& e) { events.push_back(e); };
  process_signals signals;
  EXPECT_EQ(launch(o, signals), exit_node_failed);
  ASSERT_FALSE(events.empty());
  EXPECT_NE(events.front().find("/nonexistent/program cannot be started: No such file"), std::string::npos) << events.front();
}

TEST(launcher, output_goes_to_the_log) {
  const temporary_folder folder;
  launch_options o = options({{"a", {"/bin/sh", "-c", "echo to out; echo to err >&2; exit 3"}, folder / "log"}});
  process_signals signals;
  EXPECT_EQ(launch(o, signals), exit_node_failed) << "a bad configuration is not tried again";
  EXPECT_EQ(read(folder / "log"), "to out\nto err\n");
}

TEST(launcher, no_child_outlives_a_launcher_that_is_killed) {
  const temporary_folder folder;
  const std::string file = folder / "pid";
  const pid_t other = ::fork();
  ASSERT_GE(other, 0);
  if (other == 0) {
    launch_options o = options({shell("a", "trap '' TERM INT HUP; echo $$ > " + file + ".new; mv " + file + ".new " + file +
                                               "; while :; do sleep 0.02; done")});
    process_signals signals;
    ::_exit(launch(o, signals));
  }
  std::string text;
  for (int i = 0; i < 3000 && (text = read(file)).empty(); ++i) std::this_thread::sleep_for(milliseconds(10));
  ASSERT_FALSE(text.empty());
  const pid_t child = static_cast<pid_t>(std::stol(text));
  EXPECT_TRUE(alive(child));
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  // It has another parent now, which may take a moment to collect it: a zombie has no command line.
  bool gone = false;
  for (int i = 0; i < 3000 && !gone; ++i) {
    gone = !alive(child) || read("/proc/" + std::to_string(child) + "/cmdline").empty();
    if (!gone) std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_TRUE(gone);
}

TEST(child_process, is_killed_when_its_owner_goes) {
  pid_t pid = 0;
  {
    auto child = child_process::start({"/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.02; done"}, "");
    ASSERT_TRUE(child.ok());
    pid = child->pid();
    EXPECT_TRUE(alive(pid));
    EXPECT_FALSE(child->ended().has_value());
  }
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);
}

TEST(ending, reads_as_people_say_it) {
  EXPECT_EQ((ending{false, 3}).text(), "exit status 3");
  EXPECT_EQ((ending{true, 9}).text(), "signal 9 (Killed)");
  EXPECT_TRUE((ending{false, 0}).orderly());
  EXPECT_FALSE((ending{true, 0}).orderly());
}

}  // namespace
}  // namespace freshet::cli
