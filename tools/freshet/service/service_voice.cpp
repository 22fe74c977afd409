#include "tools/freshet/service/service_voice.hpp"

#include <algorithm>
#include <utility>

namespace freshet::cli {
namespace {

constexpr std::chrono::seconds status_period{5};
constexpr std::size_t longest_status = 400;

}  // namespace

service_voice::service_voice(send_function send, std::optional<std::chrono::microseconds> watchdog)
    : send_(std::move(send)), watchdog_(watchdog) {}

void service_voice::turn(time_point now, bool ready, bool healthy, const std::string& beside) {
  if (stopping_) return;
  if (ready && !said_ready_) said_ready_ = send_("READY=1\n");
  if (!watchdog_ || !healthy || now < ping_at_) return;
  if (send_("WATCHDOG=1\n" + beside)) ping_at_ = now + *watchdog_ / 2;
}

void service_voice::status(time_point now, const std::string& line) {
  std::string text = one_line(line);
  if (stopping_ || text == status_ || (status_at_ && now < *status_at_ + status_period)) return;
  if (!send_("STATUS=" + text + "\n")) return;
  status_ = std::move(text);
  status_at_ = now;
}

void service_voice::reloading(time_point now) {
  if (stopping_ || !said_ready_) return;  // to a manager that waits for the start it would mean nothing
  // The manager tells an answer to its own request by this time.
  const auto since_boot = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  send_("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(since_boot.count()) + "\n");
}

void service_voice::reloaded() {
  if (!stopping_ && said_ready_) said_ready_ = send_("READY=1\n");
}

void service_voice::stopping() {
  if (std::exchange(stopping_, true)) return;
  send_("STOPPING=1\nSTATUS=stopping\n");
}

std::chrono::milliseconds service_voice::patience() const {
  constexpr std::chrono::milliseconds shortest{10};
  constexpr std::chrono::milliseconds longest{1000};
  if (!watchdog_) return longest;
  return std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(*watchdog_ / 8), shortest, longest);
}

std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  if (out.size() <= longest_status) return out;
  // Not within a character.
  std::size_t end = longest_status;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) --end;
  return out.substr(0, end) + "…";
}

}  // namespace freshet::cli
