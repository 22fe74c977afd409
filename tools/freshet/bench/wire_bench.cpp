#include "tools/freshet/bench/wire_bench.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "tools/freshet/bench/bare_link.hpp"
#include "tools/freshet/bench/link_frames.hpp"
#include "tools/freshet/bench/node_link.hpp"

namespace freshet::cli {
namespace {

constexpr auto flood_time = std::chrono::milliseconds(400);
constexpr std::size_t pings = 500;

/// A folder for the sockets of ipc links, gone with it.
class socket_folder {
 public:
  socket_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "freshet_wire_XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~socket_folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  socket_folder(const socket_folder&) = delete;
  socket_folder& operator=(const socket_folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

double quantile(std::vector<double> values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

/// Both quantiles of every turn.
struct latencies {
  std::vector<double> p50, p99;
};

}  // namespace

result<std::vector<comparison>> bench_wire(rt::system& engine, rt::transport& links, const wire_plan& plan,
                                           const std::function<void(const std::string&)>& progress) {
  const socket_folder folder;
  if (folder.path().empty()) return error{errc::io, "no folder for sockets in " + std::filesystem::temp_directory_path().string()};
  const auto endpoint = [&](const std::string& scheme, const std::string& name) {
    if (scheme == "inproc") return "inproc://bench-" + name;
    return scheme == "ipc" ? "ipc://" + folder.path() + "/" + name : std::string("tcp://127.0.0.1:*");
  };
  std::vector<comparison> lines;
  for (const std::string& scheme : plan.transports) {
    for (const std::size_t kib : plan.payloads_kib) {
      const std::string what = scheme + ", " + std::to_string(kib) + " KiB";
      const std::string name = scheme + std::to_string(kib);
      FRESHET_TRY_ASSIGN(const link_frames frames, frames_of(kib * 1024));
      FRESHET_TRY_ASSIGN(const auto ours, node_link::open(engine, links, endpoint(scheme, name + "-node"), kib * 1024));
      bare_link bare;
      FRESHET_TRY(bare.open(endpoint(scheme, name + "-bare"), frames));

      std::optional<error> failed;
      const auto figure = [&](result<double> r) {
        if (r.ok()) return *r;
        if (!failed) failed = r.err();
        return 1.0;
      };
      const auto once = [&](latencies& seen, result<std::vector<double>> r) {
        if (!r.ok()) {
          if (!failed) failed = r.err();
          return 1.0;
        }
        seen.p50.push_back(quantile(*r, 0.5));
        seen.p99.push_back(quantile(*r, 0.99));
        return seen.p50.back();
      };
      progress("links: " + what + ", messages");
      const turns rate = in_turns(
          plan.rounds, [&] { return failed ? 1.0 : figure(ours->flood(flood_time)); },
          [&] { return failed ? 1.0 : figure(bare.flood(flood_time)); });
      progress("links: " + what + ", latency");
      latencies mine;
      latencies other;
      const turns half = in_turns(
          plan.rounds, [&] { return failed ? 1.0 : once(mine, ours->ping(pings)); },
          [&] { return failed ? 1.0 : once(other, bare.ping(pings)); });
      if (failed) return error{failed->code, what + ": " + failed->context};
      std::vector<double> ratios;
      for (std::size_t i = 1; i < mine.p99.size(); ++i) ratios.push_back(mine.p99[i] / other.p99[i]);
      const auto counted = [](const std::vector<double>& all) { return std::vector<double>(all.begin() + 1, all.end()); };
      const turns tail{median(counted(mine.p99)), median(counted(other.p99)), median(ratios)};
      lines.push_back(compare(what, "messages/s", "DEALER/ROUTER, same frames", rate,
                              bench_aim{bench_aim::of::ratio, 0.7, false}));
      lines.push_back(compare(what + ", one way, p50", "us", "DEALER/ROUTER, same frames", half));
      lines.push_back(compare(what + ", one way, p99", "us", "DEALER/ROUTER, same frames", tail));
    }
  }
  return lines;
}

}  // namespace freshet::cli
