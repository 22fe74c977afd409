// The launcher as a service: hears how its nodes are, shows it, and names those that hang.
// Thread contract: owned by the launcher's thread.
#pragma once

#include "tools/freshet/launcher.hpp"
#include "tools/freshet/service/service_front.hpp"

#include <functional>
#include <memory>
#include <string>

namespace freshet::cli {

class launch_service final : public launch_observer {
 public:
  /// `read_again` is what a SIGHUP does. The graph must outlive it.
  static result<std::unique_ptr<launch_service>> open(const topology::graph& graph, std::function<void()> read_again);

  /// What nodes are told to report to.
  [[nodiscard]] const std::string& socket() const noexcept { return listener_.path(); }
  [[nodiscard]] service_front& front() noexcept { return *front_; }
  /// A line of figures for the status; shown behind how many nodes run.
  void progress(const std::string& line) { progress_ = line; }

  void wanted(const std::vector<std::string>& nodes) override { watch_.follow(nodes); }
  void started(const std::string& node, pid_t process) override;
  void ended(const std::string& node, const std::string& how) override;
  std::vector<std::string> turn() override;
  [[nodiscard]] int wake_descriptor() const override { return listener_.descriptor(); }
  void reload() override { front_->reload(read_again_); }
  void stopping() override { front_->stopping(); }

 private:
  launch_service(const topology::graph& graph, notify_listener listener, std::unique_ptr<service_front> front,
                 std::function<void()> read_again);

  notify_listener listener_;
  node_watch watch_;
  std::unique_ptr<service_front> front_;
  std::function<void()> read_again_;
  std::string progress_;
};

}  // namespace freshet::cli
