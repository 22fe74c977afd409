#include "actors/stats/events.hpp"

#include "actors/stats/figures.hpp"

#include <array>
#include <utility>

namespace freshet::actors {
namespace {

using nlohmann::json;

constexpr std::size_t longest_name = 64;

constexpr std::array<const char*, 4> level_names{"info", "good", "warn", "bad"};

// Counters of which every rise is worth a word.
struct watched {
  const char* kind;
  const char* key;
  event_level level;
  const char* text;  ///< behind the number
};
constexpr std::array<watched, 13> all_watched{{
    {"device", "updates_refused", event_level::warn, "updates refused"},
    {"device", "state_faults", event_level::bad, "faults of its state on disk"},
    {"device", "dropped_observations", event_level::warn, "observations dropped, the filter had no room"},
    {"uplink_filter", "shed", event_level::warn, "samples shed, the spool is full"},
    {"intake", "refused_batches", event_level::warn, "batches refused"},
    {"intake", "shed_samples", event_level::warn, "samples shed"},
    {"distiller", "skipped_steps", event_level::warn, "training steps skipped"},
    {"compressor", "failures", event_level::bad, "refreshes could not be made"},
    {"deployer", "commits_refused", event_level::warn, "commits refused"},
    {"deployer", "failures", event_level::warn, "transfers failed"},
    {"port", "malformed", event_level::warn, "messages that did not decode"},
    {"port", "wrong_identity", event_level::bad, "messages in another's name"},
    {"port", "cut_offs", event_level::bad, "peers cut off"},
}};

std::string number_text(std::uint64_t n) { return std::to_string(n); }

}  // namespace

void event_log::add(event_level level, const std::string& where, std::string text, duration uptime) {
  order_.push_back(number_text(++number_));
  events_[order_.back()] = {{"t_s", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()},
                            {"level", level_names[static_cast<std::size_t>(level)]},
                            {"where", where},
                            {"text", std::move(text)}};
  if (order_.size() <= most_events) return;
  events_.erase(order_.front());
  order_.pop_front();
}

void event_log::compare(const topology::address& where, const std::string& kind, const heard_report* before,
                        const heard_report& now, duration uptime) {
  const std::string name = where.text();
  if (before == nullptr) {
    if (kind == "device") add(event_level::good, name, "joined", uptime);
    return;
  }
  if (!same_life(*before, now)) {
    const auto restarts = count_in(object_in(now.stats, "shell"), "restarts").value_or(0);
    if (before->process_id != now.process_id)
      add(event_level::warn, name, "is back in another process, " + number_text(now.process_id), uptime);
    else
      add(event_level::warn, name, "started again, restart " + number_text(restarts), uptime);
    return;
  }
  if (kind == "distiller") {
    const auto old = count_in(before->stats, "version");
    const auto version = count_in(now.stats, "version");
    if (old && version && *version > *old) {
      std::string text = "version " + number_text(*version) + " committed";
      if (const auto loss = number_in(now.stats, "loss")) {
        std::array<char, 32> buffer{};
        std::snprintf(buffer.data(), buffer.size(), ", loss %.3f", *loss);
        text += buffer.data();
      }
      add(event_level::good, name, std::move(text), uptime);
    }
  }
  if (kind == "device") {
    // Devices of one stream cross into a phase one after the other: told once.
    const auto old = text_in(before->stats, "phase");
    const auto phase = text_in(now.stats, "phase");
    if (old && phase && *old != *phase && *phase != last_phase_) {
      last_phase_ = *phase;
      add(event_level::info, name, "phase " + old->substr(0, longest_name) + " → " + phase->substr(0, longest_name),
          uptime);
    }
  }
  for (const watched& w : all_watched) {
    if (kind != w.kind) continue;
    const auto old = count_in(before->stats, w.key);
    const auto risen = count_in(now.stats, w.key);
    if (old && risen && *risen > *old) add(w.level, name, number_text(*risen - *old) + " " + w.text, uptime);
  }
}

}  // namespace freshet::actors
