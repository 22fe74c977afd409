#include "actors/rt/census.hpp"

#include <utility>

namespace freshet::rt {

std::uint64_t census::enter(std::string name) {
  std::lock_guard lock(mutex_);
  alive_.emplace(next_ticket_, std::move(name));
  return next_ticket_++;
}

void census::leave(std::uint64_t ticket) {
  std::lock_guard lock(mutex_);
  alive_.erase(ticket);
}

std::vector<std::string> census::names() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  all.reserve(alive_.size());
  for (const auto& [ticket, name] : alive_) all.push_back(name);
  return all;
}

std::size_t census::size() const {
  std::lock_guard lock(mutex_);
  return alive_.size();
}

}  // namespace freshet::rt
