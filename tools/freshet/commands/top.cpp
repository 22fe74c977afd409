// freshet top: attach to a running daemon and see; on a terminal, or as JSON lines.
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/console/console.hpp"
#include "tools/freshet/console/json_lines.hpp"
#include "tools/freshet/console/live_feed.hpp"
#include "tools/freshet/console/screen.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/paths.hpp"
#include "tools/freshet/process_signals.hpp"
#include "topology/graph/endpoint.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>
#include <poll.h>
#include <unistd.h>

namespace freshet::cli {
namespace {

using std::chrono::milliseconds;
using steady = std::chrono::steady_clock;

constexpr milliseconds a_turn{250};
constexpr milliseconds first_patience{5000};

struct top_options {
  topology_options topology;
  std::string at;
  std::string role = "cloud/stats";
  std::string server_key;   ///< hexadecimal
  std::uint32_t interval_ms = 0;
  bool as_json = false;
  bool once = false;
  bool ascii = false;
  std::string record;
  std::string replay;
  double speed = 1;
};

milliseconds since(steady::time_point begin) { return std::chrono::duration_cast<milliseconds>(steady::now() - begin); }

/// What the command line or the terminal cannot do; the sentence says it all.
int wrong_usage(const error& e) {
  std::cerr << "freshet: " << e.context << '\n';
  return exit_usage;
}

result<stats_place> place_of(const top_options& options) {
  if (options.at.empty()) {
    FRESHET_TRY_ASSIGN(const chosen_topology topology, load_running_topology(options.topology));
    return place_of_stats(topology.graph);
  }
  const auto slash = options.role.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == options.role.size())
    return error{errc::invalid_argument, "--role " + options.role + ": NODE/ROLE is right, such as cloud/stats"};
  if (!topology::parse_endpoint(options.at))
    return error{errc::invalid_argument, "--at " + options.at + ": tcp://HOST:PORT or ipc://PATH is right"};
  console_target there{options.at, options.server_key,
                       options.topology.state_dir.empty() ? default_state_dir() : absolute(options.topology.state_dir)};
  return stats_place{{options.role.substr(0, slash), options.role.substr(slash + 1)}, std::move(there)};
}

/// Where changes come from: a daemon, or a recording at its pace.
class changes_source {
 public:
  virtual ~changes_source() = default;
  virtual void wait(milliseconds longest, int also) = 0;
  virtual std::vector<live_change> take() = 0;
  [[nodiscard]] virtual bool ended() const { return false; }
};

class from_daemon final : public changes_source {
 public:
  from_daemon(live_feed feed, const std::string& record) : feed_(std::move(feed)) {
    if (!record.empty()) file_.emplace(record);
  }
  [[nodiscard]] bool can_record() const { return !file_ || file_->good(); }
  void wait(milliseconds longest, int also) override { feed_.wait(longest, also); }
  std::vector<live_change> take() override {
    auto changes = feed_.take_changes();
    if (file_)
      for (const live_change& c : changes) *file_ << json_line(since(begin_), c) << std::endl;
    return changes;
  }

 private:
  live_feed feed_;
  std::optional<std::ofstream> file_;
  steady::time_point begin_ = steady::now();
};

class from_recording final : public changes_source {
 public:
  from_recording(std::ifstream file, double speed) : file_(std::move(file)), speed_(speed) { read(); }
  void wait(milliseconds longest, int also) override {
    milliseconds rest = longest;
    if (next_) rest = std::clamp(due() - since(begin_), milliseconds(0), longest);
    if (also < 0) return std::this_thread::sleep_for(rest);
    pollfd item{also, POLLIN, 0};
    (void)::poll(&item, 1, static_cast<int>(rest.count()));
  }
  std::vector<live_change> take() override {
    std::vector<live_change> out;
    while (next_ && due() <= since(begin_)) {
      out.push_back(std::move(next_->change));
      read();
    }
    return out;
  }
  [[nodiscard]] bool ended() const override { return !next_; }
  [[nodiscard]] const std::optional<error>& problem() const { return problem_; }

 private:
  [[nodiscard]] milliseconds due() const {
    return milliseconds(static_cast<std::int64_t>(static_cast<double>(next_->at.count()) / speed_));
  }
  void read() {
    next_.reset();
    std::string line;
    if (!std::getline(file_, line)) return;
    ++line_;
    auto got = change_of(line);
    if (got)
      next_ = std::move(got).value();
    else
      problem_ = error{got.err().code, "line " + std::to_string(line_) + ": " + got.err().context};
  }

  std::ifstream file_;
  double speed_;
  std::size_t line_ = 0;
  std::optional<timed_change> next_;
  std::optional<error> problem_;
  steady::time_point begin_ = steady::now();
};

/// Lines until a signal, the end of a recording, or (once) the first snapshot.
int print_lines(const top_options& options, changes_source& source, const process_signals& signals) {
  const auto begin = steady::now();
  bool any = false;
  while (signals.stops() == 0) {
    source.wait(a_turn, -1);
    for (const live_change& c : source.take()) {
      std::cout << json_line(since(begin), c) << std::endl;
      if (!std::cout) return exit_failed;
      any = any || c.what == live_change::kind::snapshot;
      if (options.once && any) return exit_ok;
    }
    if (source.ended()) return exit_ok;
    // Programs want to be told; a person sees it.
    if (!any && since(begin) > first_patience) return report(error{errc::timeout, "no daemon answers"});
  }
  return exit_ok;
}

int show(const top_options& options, changes_source& source, const std::string& name, const process_signals& signals) {
  if (const auto ok = screen::possible(); !ok) return wrong_usage(ok.err());
  screen_options look = screen::from_environment();
  look.ascii = look.ascii || options.ascii;
  screen terminal(look);
  console picture(name);
  while (signals.stops() == 0 && !picture.wants_to_leave()) {
    while (const auto pressed = terminal.next()) {
      if (pressed->letter != 0)
        picture.press(pressed->letter);
      else
        picture.press(pressed->special);
    }
    for (live_change& c : source.take()) picture.take(std::move(c));
    const grid size = terminal.blank();
    terminal.show(picture.draw(size.width(), size.height()));
    if (!picture.wants_to_leave()) source.wait(a_turn, STDIN_FILENO);
  }
  return exit_ok;
}

int run(const top_options& options) {
  std::unique_ptr<changes_source> source;
  std::string name = "recording";
  from_recording* recording = nullptr;
  if (!options.replay.empty()) {
    std::ifstream file(options.replay);
    if (!file) return report(error{errc::io, "--replay " + options.replay + ": cannot be read"});
    auto made = std::make_unique<from_recording>(std::move(file), options.speed);
    recording = made.get();
    source = std::move(made);
  } else {
    const auto place = place_of(options);
    if (!place) return place.err().code == errc::invalid_argument ? wrong_usage(place.err()) : report(place.err());
    name = place->role.text();
    auto feed = live_feed::open(*place, options.interval_ms);
    if (!feed) return report(feed.err());
    auto made = std::make_unique<from_daemon>(std::move(feed).value(), options.record);
    if (!made->can_record()) return report(error{errc::io, "--record " + options.record + ": cannot be written"});
    source = std::move(made);
  }
  const process_signals signals;
  const int status =
      options.as_json || options.once ? print_lines(options, *source, signals) : show(options, *source, name, signals);
  if (recording != nullptr && recording->problem())
    return report(error{recording->problem()->code, options.replay + ", " + recording->problem()->context});
  return status;
}

}  // namespace

void add_top(CLI::App& app, action& chosen) {
  CLI::App* command = app.add_subcommand("top", "Watch a running daemon: the loop, the fleet, the roles, events");
  command->footer(
      "Attaches, shows, and leaves without the daemon noticing; comes back by itself when the daemon does.\n"
      "  freshet top                                    the daemon of this host, as `freshet status` finds it\n"
      "  freshet top --at tcp://127.0.0.1:4433          another one, whose stats role is cloud/stats\n"
      "  freshet top --json | jq .patch.fleet           a snapshot, then what changes, one object a line\n"
      "  freshet top --once                             one snapshot as JSON\n"
      "  freshet top --record day.jsonl                 … and freshet top --replay day.jsonl --speed 10\n"
      "Keys: 1 to 4 or Tab choose a view, arrows scroll, s and r sort, p holds still, ? explains, q leaves.\n"
      "NO_COLOR is heeded.");
  auto options = std::make_shared<top_options>();
  options->topology.add_file_to(*command);
  options->topology.add_state_to(*command);
  auto* at = command->add_option("--at", options->at, "Attach here instead")->option_text("ENDPOINT");
  command->add_option("--role", options->role, "The stats role behind --at")->option_text("NODE/ROLE")->needs(at);
  command->add_option("--server-key", options->server_key, "The public key of the node behind --at, for encrypted links; a "
                                                           "console's own key is looked for in the state folder")
      ->option_text("HEX")
      ->needs(at)
      ->check([](const std::string& text) { return text.size() == 64 ? "" : "64 hexadecimal digits are right"; });
  command->add_option("--interval", options->interval_ms, "Milliseconds between two pictures (0: as the daemon likes)")
      ->option_text("MS")
      ->check(CLI::Range(0U, 60'000U));
  command->add_flag("--json", options->as_json, "JSON lines instead of a picture");
  command->add_flag("--once", options->once, "One snapshot as JSON, then leave");
  command->add_flag("--ascii", options->ascii, "Draw with ASCII only");
  auto* record =
      command->add_option("--record", options->record, "Write all that is shown to this file")->option_text("FILE");
  auto* replay = command->add_option("--replay", options->replay, "Show such a file instead of a daemon")
                     ->option_text("FILE")
                     ->excludes(record)
                     ->excludes(at);
  command->add_option("--speed", options->speed, "So many times as fast as it was recorded")
      ->option_text("N")
      ->check(CLI::Range(0.01, 10'000.0))
      ->needs(replay);
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace freshet::cli
