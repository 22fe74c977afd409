#include "actors/port/socket_context.hpp"

#include <utility>

namespace freshet::port {

namespace {
constexpr int io_threads = 1;
constexpr int most_sockets = 4096;
}  // namespace

socket_context::socket_context() : sockets_(io_threads, most_sockets) {}

zap_handler& socket_context::zap() {
  std::lock_guard lock(mutex_);
  if (!zap_) zap_ = std::make_unique<zap_handler>(sockets_);
  return *zap_;
}

void socket_context::announce(const std::string& inproc_endpoint) {
  std::lock_guard lock(mutex_);
  bound_[inproc_endpoint] = ++last_generation_;
  for (const auto& [ticket, changed] : subscribers_) changed();
}

void socket_context::withdraw(const std::string& inproc_endpoint) {
  std::lock_guard lock(mutex_);
  if (bound_.erase(inproc_endpoint) == 0) return;
  for (const auto& [ticket, changed] : subscribers_) changed();
}

std::uint64_t socket_context::generation(const std::string& inproc_endpoint) const {
  std::lock_guard lock(mutex_);
  auto found = bound_.find(inproc_endpoint);
  return found == bound_.end() ? 0 : found->second;
}

std::uint64_t socket_context::subscribe(std::function<void()> changed) {
  std::lock_guard lock(mutex_);
  subscribers_.emplace(++last_ticket_, std::move(changed));
  return last_ticket_;
}

void socket_context::unsubscribe(std::uint64_t ticket) {
  std::lock_guard lock(mutex_);
  subscribers_.erase(ticket);
}

}  // namespace freshet::port
