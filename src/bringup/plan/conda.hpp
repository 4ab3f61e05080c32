// SPDX-License-Identifier: Apache-2.0
#pragma once
// A conda as steps: its installer, its configuration, and what makes shells know it.

#include <bringup/plan/builder.hpp>

namespace bringup::plan {

// What makes environments and fills them.
struct Tool {
  std::string name;          // "uv", "venv", "conda"
  std::string manager;       // path of uv or conda
  std::string uv = {};       // of a conda: the uv that fills its environments; "" for their own pip
  std::string channel = {};  // of a conda: the one that Python comes from; "" for those that it has
};

// The conda that is here, or steps that bring one; and a uv, which resolves what pip would not write down.
Tool add_conda(Builder& builder, const facts::Machine& machine, const goal::Goal& goal,
               const catalog::Catalog& catalog, const resolve::PythonChoice& python,
               const std::string& prefix);
// New shells know a conda that is installed.
void add_conda_shells(Builder& builder, const facts::Machine& machine, const resolve::PythonChoice& python);

}  // namespace bringup::plan
