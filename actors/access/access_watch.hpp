// The list of allowed keys as a running node sees it: the file of records is looked at a few times a
// second, so that what the CLI changes is true within one, and the port reads a copy in memory.
// While the file cannot be read, the last list that could be stays true, and that is logged.
// Thread contract: all members may be called from any thread.
#pragma once

#include "actors/rt/link_security.hpp"
#include "kernels/base/result.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace spdlog {
class logger;
}

namespace freshet::access {

class access_watch final : public rt::key_ring {
 public:
  static result<std::shared_ptr<access_watch>> open(const std::filesystem::path& file,
                                                    std::shared_ptr<spdlog::logger> log,
                                                    std::chrono::milliseconds period = std::chrono::milliseconds(250));
  ~access_watch() override;
  access_watch(const access_watch&) = delete;
  access_watch& operator=(const access_watch&) = delete;

  [[nodiscard]] std::optional<rt::key_owner> find(const std::string& public_key) const override;
  [[nodiscard]] std::uint64_t revision() const override { return revision_.load(); }

 private:
  using owners = std::map<std::string, rt::key_owner>;
  access_watch(owners first, std::shared_ptr<spdlog::logger> log, std::chrono::milliseconds period);
  void follow(std::filesystem::path file);
  void show(owners now);

  std::shared_ptr<spdlog::logger> log_;
  std::chrono::milliseconds period_;
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  owners allowed_;
  std::atomic<std::uint64_t> revision_{1};
  std::thread thread_;
};

}  // namespace freshet::access
