export { type AuditEvent, AuditTrail, type TrailPage } from './audit-trail.js';
export { type AuditRecord, record } from './record.js';
