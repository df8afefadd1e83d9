'use strict';
// Node's net.Socket and its kin are functions: programs call them without `new`, and inherit from
// them by util.inherits and `Server.call(this)`. Classes over them let both be done as well.

/** The objects that stand behind a `new.target`: there already, and made into what is constructed. */
const objects = new WeakMap();

/** A class to extend where `Base` is a function, which is called on an object that is there. */
function over(Base) {
  function Over(...args) {
    const object = objects.get(new.target);
    if (object === undefined) return Reflect.construct(Base, args, new.target);
    Base.apply(object, args);
    return object;
  }
  Over.prototype = Base.prototype;
  return Object.setPrototypeOf(Over, Base);
}

/** The class, which extends `over(...)`, as programs get it. */
function callable(Class) {
  const Callable = new Proxy(Class, {
    apply(_, object, args) {
      if (!(object instanceof Class)) return new Callable(...args);
      const target = function () {};
      objects.set(target, object);
      return Reflect.construct(Class, args, target);
    },
  });
  Object.defineProperty(Class.prototype, 'constructor', { value: Callable });
  return Callable;
}

module.exports = { callable, over };
