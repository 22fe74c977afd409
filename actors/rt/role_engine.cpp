#include "actors/rt/role_engine.hpp"

#include "kernels/base/json_line.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace freshet::rt {

namespace {

using nlohmann::json;

spdlog::level::level_enum spdlog_level(actors::log_level level) {
  switch (level) {
    case actors::log_level::debug: return spdlog::level::debug;
    case actors::log_level::info: return spdlog::level::info;
    case actors::log_level::warn: return spdlog::level::warn;
    case actors::log_level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

double microseconds(duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

std::uint64_t milliseconds(duration d) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

json figures(const latency_meter& m) {
  json buckets = json::array();
  for (const auto& [bucket, count] : m.filled()) {
    buckets.push_back(bucket);
    buckets.push_back(count);
  }
  return {{"count", m.count()},
          {"total_us", microseconds(m.total())},
          {"p50_us", microseconds(m.quantile(0.5))},
          {"p99_us", microseconds(m.quantile(0.99))},
          {"max_us", microseconds(m.maximum())},
          {"buckets", std::move(buckets)}};
}

json figures(const topology::link_state& l) {
  return {{"peer", l.peer.text()},
          {"alive", l.alive},
          {"queued", l.queued},
          {"in_flight", l.in_flight},
          {"credit", l.credit},
          {"acknowledged", l.acknowledged},
          {"resends", l.resends},
          {"delivered", l.delivered},
          {"buffered", l.buffered},
          {"duplicates", l.duplicates},
          {"refused", l.refused}};
}

}  // namespace

role_engine::role_engine(engine_options options, std::unique_ptr<actors::role_core> core)
    : options_(std::move(options)), core_(std::move(core)), links_(options_.self, options_.life, options_.links) {
  started_ = now_ = options_.clock->now();
  next_tick_ = started_ + options_.tick_period;
  if (options_.stats) next_report_ = started_ + options_.report_period;
}

void role_engine::start() {
  mark_ = now_ = options_.clock->now();
  core_->start(now_, *this);
  wants_work_ = true;
  grant_all();
}

void role_engine::begin_mail() { now_ = options_.clock->now(); }

void role_engine::deliver(topology::parcel p, time_point arrived) {
  waited_.add(now_ - arrived);
  const topology::address from = p.head.from;
  links_.receive(std::move(p), now_, ready_);
  for (const topology::shared_message& message : ready_) {
    mark_ = now_;
    core_->handle(from, message, now_, *this);
    const time_point after = options_.clock->now();
    served_.add(after - now_);
    now_ = after;
    ++handled_;
  }
  ready_.clear();
  wants_work_ = true;
}

void role_engine::end_mail() {
  grant_all();
  report_if_due();
}

void role_engine::work() {
  now_ = options_.clock->now();
  mark_ = now_;
  ++slices_;
  wants_work_ = core_->work(now_, *this);
  const time_point after = options_.clock->now();
  worked_.add(after - now_);
  now_ = after;
  grant_all();
  report_if_due();
}

void role_engine::wake() {
  now_ = options_.clock->now();
  if (now_ >= next_tick_ || (wake_asked_ && now_ >= *wake_asked_)) {
    wake_asked_.reset();
    // After a long slice one tick is enough: ticks are never made up for.
    next_tick_ = now_ + options_.tick_period;
    mark_ = now_;
    core_->tick(now_, *this);
    wants_work_ = true;
    grant_all();
  }
  report_if_due();
}

void role_engine::stop() {
  mark_ = now_ = options_.clock->now();
  core_->stop(now_, *this);
}

time_point role_engine::next_wake() const {
  time_point next = next_tick_;
  if (wake_asked_) next = std::min(next, *wake_asked_);
  if (next_report_) next = std::min(next, *next_report_);
  if (auto due = links_.next_due()) next = std::min(next, *due);
  return next;
}

std::vector<topology::parcel> role_engine::take_outgoing() {
  auto parcels = links_.take_outgoing(options_.clock->now());
  sent_ += parcels.size();
  return parcels;
}

std::string role_engine::stats_json() const {
  json all = json::parse(core_->stats_json(), nullptr, false);
  if (!all.is_object()) all = json{{"core_stats_unreadable", true}};
  all["shell"] = {{"handled", handled_},
                  {"sent", sent_},
                  {"mailbox", options_.waiting ? std::max<std::int64_t>(0, options_.waiting->load()) : 0},
                  {"slices", slices_},
                  {"restarts", options_.restarts},
                  {"wait", figures(waited_)},
                  {"service", figures(served_)},
                  {"work", figures(worked_)}};
  json& stages = all["shell"]["stages"] = json::object();
  for (const auto& [stage, m] : stages_) {
    stages[stage] = {{"count", m.time.count()},
                     {"things", m.things},
                     {"total_us", microseconds(m.time.total())},
                     {"max_us", microseconds(m.time.maximum())}};
  }
  json links = json::array();
  for (const auto& l : links_.states()) links.push_back(figures(l));
  all["links"] = std::move(links);
  return json_line(all);
}

void role_engine::send(const topology::address& to, topology::shared_message m) { links_.send(to, std::move(m), now_); }

std::size_t role_engine::room(const topology::address& to) const { return links_.room(to); }

std::size_t role_engine::on_the_way(const topology::address& to) const { return links_.held(to); }

void role_engine::wake_after(duration delay) {
  const time_point at = now_ + std::max(delay, duration{0});
  wake_asked_ = wake_asked_ ? std::min(*wake_asked_, at) : at;
}

void role_engine::spent_on(std::string_view stage, std::uint64_t things) {
  const time_point now = options_.clock->now();
  passed_in(stage, things, now - mark_);
  mark_ = now;
}

void role_engine::passed_in(std::string_view stage, std::uint64_t things, duration took) {
  const auto found = stages_.find(stage);
  stage_meter& m = found != stages_.end() ? found->second : stages_[std::string(stage)];
  m.time.add(took);
  m.things += things;
}

void role_engine::log(actors::log_level level, std::string text) {
  options_.log->log(spdlog_level(level), "{}: {}", options_.self.text(), text);
}

void role_engine::grant_all() {
  for (const auto& from : links_.senders()) links_.grant(from, core_->capacity(from), now_);
}

void role_engine::report_if_due() {
  if (!next_report_ || now_ < *next_report_) return;
  next_report_ = now_ + options_.report_period;
  links_.send(*options_.stats,
              topology::role_report{options_.self.node, options_.self.role, static_cast<std::uint32_t>(::getpid()),
                                    milliseconds(now_ - started_), stats_json()},
              now_);
}

}  // namespace freshet::rt
