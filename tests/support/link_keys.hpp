// Link keys for tests, and a list of allowed ones that a test changes while links stand.
#pragma once

#include "actors/rt/link_security.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include <zmq.hpp>

namespace freshet::testing {

inline std::string from_z85(const char* text) {
  std::string bytes(32, '\0');
  zmq_z85_decode(reinterpret_cast<std::uint8_t*>(bytes.data()), text);
  return bytes;
}

inline rt::link_keys draw_keys() {
  char open[41];
  char secret[41];
  zmq_curve_keypair(open, secret);
  return {from_z85(open), from_z85(secret)};
}

class listed_keys final : public rt::key_ring {
 public:
  void allow(const std::string& key, rt::key_owner owner) {
    std::lock_guard lock(mutex_);
    owners_[key] = std::move(owner);
    ++revision_;
  }
  void revoke(const std::string& key) {
    std::lock_guard lock(mutex_);
    owners_.erase(key);
    ++revision_;
  }
  [[nodiscard]] std::optional<rt::key_owner> find(const std::string& key) const override {
    std::lock_guard lock(mutex_);
    const auto found = owners_.find(key);
    if (found == owners_.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] std::uint64_t revision() const override { return revision_; }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, rt::key_owner> owners_;
  std::atomic<std::uint64_t> revision_{1};
};

}  // namespace freshet::testing
