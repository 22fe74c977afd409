#include "tools/freshet/named_models.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "actors/assembly/line_adapters.hpp"
#include "actors/assembly/model_pair.hpp"
#include "actors/assembly/text_only.hpp"
#include "kernels/base/hex.hpp"
#include "kernels/distill/rehearsal.hpp"
#include "tools/freshet/progress_view.hpp"
#include "topology/graph/links.hpp"

namespace freshet::cli {
namespace {

using config::role_kind;

constexpr const char* device_model = "device.model";
constexpr const char* distiller_student = "distiller.student";
constexpr const char* teacher_model = "teacher.model";

/// Everything that is asked of the folders, one after the other.
class reader {
 public:
  explicit reader(const topology::graph& graph)
      : graph_(graph), distiller_(*graph.roles_of(role_kind::distiller).front()),
        distilling_(std::get<config::distiller_settings>(distiller_.settings)),
        adapters_(actors::adapters_of(distilling_)), out_{{}, config::problems(graph.file)} {}

  named_models read_all(const std::string& node) && {
    for (const topology::role_spec& role : graph_.roles) {
      if (!node.empty() && role.node != node) continue;
      if (const auto* s = std::get_if<config::device_settings>(&role.settings)) {
        if (const auto* model = read(role, device_model, s->model, s->chat_template)) check_device(role, *s, *model);
      } else if (role.kind() == role_kind::distiller || role.kind() == role_kind::compressor || role.kind() == role_kind::deployer) {
        const auto* model = read(role, distiller_student, distilling_.student, distilling_.chat_template);
        if (model != nullptr && role.kind() == role_kind::distiller) check_distiller(*model);
      } else if (const auto* t = std::get_if<config::teacher_settings>(&role.settings)) {
        if (t->kind != "model") continue;
        if (const auto* model = read(role, teacher_model, t->model, t->chat_template)) teachers_.emplace(model, &role);
      }
    }
    if (const named_model* student = used_student()) {
      for (const auto& [model, role] : devices_) check_same_student(*role, *model, *student);
      for (const auto& [model, role] : teachers_) check_teacher(*role, *model, *student);
    }
    for (auto& [place, model] : read_) {
      if (model) out_.models.push_back(std::move(*model));
    }
    return std::move(out_);
  }

 private:
  using key = std::pair<std::string, std::string>;   // folder and template

  void problem(const topology::role_spec& role, const char* setting, const std::string& what) {
    if (told_.insert(what).second) out_.problems.add(role.at, setting, what);   // a fleet's devices say the same
  }

  /// nullptr when it cannot be used; why is told once.
  const named_model* read(const topology::role_spec& role, const char* setting, const std::string& folder,
                          const std::string& chat_template) {
    const auto [place, fresh] = read_.try_emplace({folder, chat_template});
    std::optional<named_model>& model = place->second;
    if (fresh) {
      auto found = model::inspect_model(folder, adapters_);
      auto asking = model::load_asking_tokenizer(folder, chat_template);
      if (!found.ok()) {
        problem(role, setting, found.err().text());
      } else if (!asking.ok()) {
        problem(role, setting, asking.err().text());
      } else if (const auto fits = model::check_frame(*asking->words, found->config.text.vocab_size); !fits.ok()) {
        problem(role, setting, folder + ": " + fits.err().text());
      } else {
        model = named_model{folder, chat_template, setting, std::move(found).value(), std::move(asking).value()};
      }
    } else if (model && model->settings.find(setting) == std::string::npos) {
      model->settings += std::string(", ") + setting;
    }
    return model ? &*model : nullptr;
  }

  void note(const topology::role_spec& role, const char* setting, const result<void>& fits) {
    if (!fits.ok()) problem(role, setting, fits.err().context);
  }

  void check_device(const topology::role_spec& role, const config::device_settings& s, const named_model& model) {
    const topology::role_spec* filter = topology::filter_of(graph_, role);
    if (!model.found.config.vision && filter != nullptr) {
      note(role, device_model, actors::check_text_only(s, std::get<config::uplink_filter_settings>(filter->settings)));
    }
    devices_.emplace(&model, &role);
  }

  /// The distiller's, when it was read: it may be another node's, or told already.
  const named_model* used_student() const {
    const auto place = read_.find({distilling_.student, distilling_.chat_template});
    return place != read_.end() && place->second ? &*place->second : nullptr;
  }

  void check_same_student(const topology::role_spec& role, const named_model& device, const named_model& student) {
    if (&device == &student) return;
    const auto devices = model::hash_model(device.folder, adapters_, device.chat_template);
    const auto students = model::hash_model(student.folder, adapters_, student.chat_template);
    if (!devices.ok()) return problem(role, device_model, devices.err().text());
    if (!students.ok()) return problem(distiller_, distiller_student, students.err().text());
    if (devices->line == students->line) return;
    problem(role, device_model, device.folder + " is of line " + hex_of(devices->line) + ", and distiller.student " + student.folder +
                                    " of line " + hex_of(students->line) +
                                    ": its device would take no version; the same weights and chat_template are right");
  }

  void check_distiller(const named_model& model) {
    if (!model.found.config.vision) note(distiller_, distiller_student, actors::check_text_only(distilling_));
    const auto rehearsed =
        distill::load_rehearsal(model.folder, model.found.config.vision, *model.asking.words, distill::rehearsal_part::rehearsed);
    if (!rehearsed.ok()) problem(distiller_, distiller_student, rehearsed.err().text());
    if (model.found.trainable.adapted_layers > 0) return;
    std::string targets;
    for (const std::string& t : distilling_.lora_targets) targets += (targets.empty() ? "" : ", ") + t;
    problem(distiller_, distiller_student, "no layer of " + model.folder + " is named by distiller.lora_targets (" + targets + ")");
  }

  void check_teacher(const topology::role_spec& role, const named_model& teacher, const named_model& student) {
    const bool student_sees = student.found.config.vision.has_value();
    const bool teacher_sees = teacher.found.config.vision.has_value();
    note(role, teacher_model, actors::check_teacher_sees(student.folder, student_sees, teacher.folder, teacher_sees));
    if (!student_sees || !teacher_sees || !topology::features_travel(graph_)) return;
    const auto students = model::hash_encoder(student.folder);
    const auto teachers = model::hash_encoder(teacher.folder);
    if (!students.ok()) return problem(distiller_, distiller_student, students.err().text());
    if (!teachers.ok()) return problem(role, teacher_model, teachers.err().text());
    note(role, teacher_model, actors::check_shared_encoder(student.folder, *students, teacher.folder, *teachers));
  }

  const topology::graph& graph_;
  const topology::role_spec& distiller_;
  const config::distiller_settings& distilling_;
  const model::lora_spec adapters_;
  named_models out_;
  std::map<key, std::optional<named_model>> read_;
  std::map<const named_model*, const topology::role_spec*> devices_, teachers_;   // and the first role that has it
  std::set<std::string> told_;
};

}  // namespace

named_models read_named_models(const topology::graph& graph, const std::string& node) { return reader(graph).read_all(node); }

std::string text_of(const named_models& read) {
  std::string out;
  for (const named_model& m : read.models) {
    char figures[96];
    std::snprintf(figures, sizeof figures, "%.2f M parameters, ", static_cast<double>(m.found.values) / 1e6);
    out += m.settings + ": " + m.folder + "\n  " + std::string(m.found.class_name) + ", " + figures +
           human_bytes(static_cast<double>(m.found.file_bytes)) + ", chat template " + m.asking.template_name + '\n';
  }
  return out;
}

nlohmann::json json_of(const named_models& read) {
  auto models = nlohmann::json::array();
  for (const named_model& m : read.models) {
    models.push_back({{"folder", m.folder}, {"settings", m.settings}, {"class", m.found.class_name}, {"values", m.found.values},
                      {"file_bytes", m.found.file_bytes}, {"chat_template", m.asking.template_name}});
  }
  auto problems = nlohmann::json::array();
  for (const config::problem& p : read.problems.sorted()) {
    problems.push_back({{"line", p.at.line}, {"column", p.at.column}, {"setting", p.key}, {"message", p.message}});
  }
  return {{"models", models}, {"problems", problems}};
}

}  // namespace freshet::cli
